import type { Bucket, ListedObject, OpenedObject } from '../../ports/bucket.ts';

/** An object that is being written all the time is taken as it is when it was asked for so often. */
const mostTries = 5;

export interface CurrentObject {
  readonly listed: ListedObject;
  readonly opened: OpenedObject;
  /** It was another one than in the list. */
  readonly changed: boolean;
}

/** Opens an object as it was listed; one that has changed since as it is now. `undefined` when it is gone. */
export async function openCurrent(bucket: Bucket, first: ListedObject, signal: AbortSignal): Promise<CurrentObject | undefined> {
  let listed = first;
  for (let tries = 1; ; tries += 1) {
    const opened = await bucket.open(listed.key, tries > mostTries ? undefined : listed.etag, signal);
    if (opened === 'gone') return undefined;
    if (opened !== 'changed') return { listed, opened, changed: tries > 1 };
    const again = await listAgain(bucket, listed.key, signal);
    if (again === undefined) return undefined;
    listed = again;
  }
}

/** Of all keys that begin so, itself is the first. */
async function listAgain(bucket: Bucket, key: string, signal: AbortSignal): Promise<ListedObject | undefined> {
  for await (const found of bucket.list(key, signal)) return found.key === key ? found : undefined;
  return undefined;
}
