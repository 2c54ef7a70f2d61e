import { BerthError } from '../../../model/errors.ts';
import type { Client } from './client.ts';
import { StreamRefused } from './client.ts';
import { listToWatch } from './list.ts';
import type { KubernetesObject } from './objects.ts';

/** An object as it is now, or that it is gone. */
export interface Sight<T> {
  readonly object: T;
  readonly gone: boolean;
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubernetesObject & { readonly metadata?: { readonly resourceVersion?: string }; readonly code?: number };
}

/** The server ends a watch by itself after this long; a silent connection that died is found out then at the latest. */
const longestWatch = '60';
const pause = 1000;
/** So often in a row nobody may answer before it is given up. */
const mostFailures = 5;

const readEvent = (line: string): WatchEvent | undefined => {
  try {
    const event = JSON.parse(line) as Partial<WatchEvent>;
    return event.type !== undefined && event.object !== undefined ? (event as WatchEvent) : undefined;
  } catch {
    return undefined;
  }
};

interface Following {
  readonly deed: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One connection's worth of events. @returns the version to go on from; '' when the server has forgotten it. */
async function* watchOnce<T extends KubernetesObject>(
  client: Client,
  path: string,
  { deed, query = {}, signal }: Following,
  from: string,
): AsyncGenerator<Sight<T>, string> {
  let at = from;
  const question = {
    deed,
    query: { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: longestWatch, resourceVersion: at },
  };
  for await (const line of client.lines(path, question, signal)) {
    const event = readEvent(line);
    if (event === undefined) continue;
    if (event.type === 'ERROR') return event.object.code === 410 ? '' : at;
    at = event.object.metadata?.resourceVersion ?? at;
    if (event.type !== 'BOOKMARK') yield { object: event.object as T, gone: event.type === 'DELETED' };
  }
  return at;
}

/**
 * What objects look like, first as they are, then whenever they change, until the caller has seen enough or the signal says stop.
 * A connection that is cut is taken up where it ended; when the server has forgotten that place (410 Gone), all is listed anew.
 */
export async function* follow<T extends KubernetesObject>(client: Client, path: string, following: Following): AsyncGenerator<Sight<T>> {
  const { deed, query = {}, signal } = following;
  let from = '';
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (from === '') {
        const { items, resourceVersion } = await listToWatch<T>(client, path, deed, query);
        for (const object of items) yield { object, gone: false };
        from = resourceVersion;
      }
      from = yield* watchOnce<T>(client, path, following, from);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (error instanceof StreamRefused && error.status === 410) from = '';
      else if (error instanceof StreamRefused) throw error.failure;
      else if (!(error instanceof BerthError) || error.kind !== 'unreachable' || failures > mostFailures) throw error;
    }
    await client.clock.sleep(pause, signal).catch(() => undefined);
  }
}
