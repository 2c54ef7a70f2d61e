import type { Maybe } from '../../../model/cluster-facts.ts';
import type { Client } from './client.ts';
import { refusal } from './failures.ts';

interface Page<T> {
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items?: readonly T[];
}

interface Listed<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

const pageSize = '500';
const mostPages = 200;

/** All objects of a kind, page by page; what changes meanwhile makes it begin anew once. @returns the status instead when it is refused. */
async function pages<T>(
  client: Client,
  path: string,
  deed: string,
  query: Readonly<Record<string, string>>,
): Promise<Listed<T> | { readonly status: number; readonly body: unknown }> {
  const items: T[] = [];
  let next = '';
  let anew = false;
  for (let page = 0; page < mostPages; page += 1) {
    const { status, body } = await client.ask('GET', path, {
      deed,
      query: { ...query, limit: pageSize, ...(next === '' ? {} : { continue: next }) },
    });
    if (status === 410 && !anew) {
      [next, anew] = ['', true];
      items.length = 0;
      continue;
    }
    if (status !== 200) return { status, body };
    const { metadata, items: more = [] } = body as Page<T>;
    items.push(...more);
    next = metadata?.continue ?? '';
    if (next === '') return { items, resourceVersion: metadata?.resourceVersion ?? '' };
  }
  return { items, resourceVersion: '' };
}

/** All objects of a kind, or `unknown` where the caller may not see them. */
export async function listOf<T>(
  client: Client,
  path: string,
  deed: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Maybe<readonly T[]>> {
  const found = await pages<T>(client, path, deed, query);
  return 'items' in found ? found.items : 'unknown';
}

/** The same with the version to watch from. @throws BerthError when it is refused. */
export async function listToWatch<T>(
  client: Client,
  path: string,
  deed: string,
  query: Readonly<Record<string, string>>,
): Promise<Listed<T>> {
  const found = await pages<T>(client, path, deed, query);
  if ('items' in found) return found;
  throw refusal(found.status, found.body, deed, client.server);
}
