import { createHash } from 'node:crypto';
import { isOfBackup } from '../../../model/backup/layout.ts';
import { BerthError } from '../../../model/errors.ts';
import type { LockedStore, Revived } from '../../ports/store.ts';
import type { S3Client } from './client.ts';
import { listVersions, type ObjectVersion } from './list.ts';
import { textOf } from './xml.ts';

/** How a bucket keeps what is written to it; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html. */
export interface ObjectLock {
  /** For so long nobody can remove an object. */
  readonly days: number;
  /** `governance`: but for who has a right of its own for that. `compliance`: nobody at all. */
  readonly mode: 'governance' | 'compliance';
}

type Headers = Readonly<Record<string, string>>;

const dayMs = 86_400_000;
/** What was locked by a write that took longer is locked once more. */
const slackMs = 3_600_000;
const modeHeader = 'x-amz-object-lock-mode';
const untilHeader = 'x-amz-object-lock-retain-until-date';
/** Refused, as it is locked; a server may also say that it is asked for too much. */
const refused = [403, 400];
/** For how long the object is locked with which it is tried whether the store keeps it. */
const probeMs = 60_000;

/** Of what is locked S3 wants to know that it came as it was sent, by a means of the year 1992. */
export const digestFor = (headers: Headers, chunks: readonly Uint8Array[]): Headers => (modeHeader in headers ? digestOf(chunks) : {});

function digestOf(chunks: readonly Uint8Array[]): Headers {
  const hash = createHash('md5');
  for (const chunk of chunks) hash.update(chunk);
  return { 'content-md5': hash.digest('base64') };
}

/** The objects of a bucket that keeps every version of them, and each version of a backup for a time that nobody can cut short. */
export class LockedObjects implements LockedStore {
  readonly days: number;
  readonly terms: string;
  readonly #mode: string;
  readonly #client: S3Client;
  readonly #now: () => Date;
  readonly #name: string;
  constructor({ days, mode }: ObjectLock, client: S3Client, now: () => Date, name: string) {
    this.days = days;
    this.terms = `${days} days, ${mode}`;
    this.#mode = mode.toUpperCase();
    this.#client = client;
    this.#now = now;
    this.#name = name;
  }

  /** To be sent with what is written there. */
  headersFor(key: string): Headers {
    return isOfBackup(key) ? this.#lockUntil(this.#end()) : {};
  }

  /** Some servers forget it where an object is uploaded in parts. */
  async confirm(key: string, signal: AbortSignal): Promise<void> {
    if (!isOfBackup(key)) return;
    if (!((await this.#lockedUntil(key, signal)) >= new Date(this.#end().getTime() - slackMs))) await this.renew(key, signal);
  }

  async renew(key: string, signal: AbortSignal): Promise<void> {
    const until = this.#end().toISOString();
    const body = Buffer.from(
      `<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>${this.#mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`,
    );
    // Who deleted it in the meantime has no need of this.
    const request = {
      method: 'PUT',
      key,
      query: { retention: '' },
      headers: digestOf([body]),
      chunks: [body],
      accept: [404, 405, ...refused],
    } as const;
    const { status } = await this.#client.call({ ...request, deed: `lock ${key}` }, signal);
    // It is refused as well where somebody has locked it for longer.
    if (refused.includes(status) && !((await this.#lockedUntil(key, signal)) >= new Date(until))) throw this.#unlockable(key);
  }

  async check(signal: AbortSignal): Promise<void> {
    const about = { method: 'GET', key: '', accept: [404] } as const;
    const lock = await this.#client.call({ ...about, query: { 'object-lock': '' }, deed: 'ask whether the bucket locks' }, signal);
    if (textOf(lock.body, 'ObjectLockEnabled') !== 'Enabled')
      throw new BerthError(
        'unsupported',
        `${this.#name} was made without object lock`,
        'make a new one with it, such as by `mc mb --with-lock`: most servers cannot give it to a bucket that is there; or leave out `lock`',
      );
    const key = `probe-lock-${this.#now().getTime()}`;
    const chunks = [Buffer.from('locked')];
    const headers = this.#lockUntil(new Date(this.#now().getTime() + probeMs));
    await this.#client.call({ method: 'PUT', key, headers: { ...headers, ...digestOf(chunks) }, chunks, deed: `write ${key}` }, signal);
    for await (const [version] of listVersions(this.#client, key, signal))
      if (version !== undefined && (await this.#remove(version, signal)))
        throw new BerthError(
          'unsupported',
          `${this.#name} let an object be removed that was locked`,
          "see that the server knows S3's object lock, or leave out `lock`",
        );
    await this.#client.call({ method: 'DELETE', key, accept: [404], deed: `delete ${key}` }, signal);
  }

  /** Removes for good what was replaced or deleted, once its time is over. Answers how many. */
  async clean(prefix: string, before: Date, signal: AbortSignal): Promise<number> {
    let removed = 0;
    for await (const versions of listVersions(this.#client, prefix, signal)) {
      const { gone, marker } = planClean(versions, { before, days: this.days, now: this.#now() });
      let left = 0;
      for (const version of gone) {
        if (await this.#remove(version, signal)) removed += 1;
        else left += 1;
      }
      if (marker !== undefined && left === 0 && (await this.#remove(marker, signal))) removed += 1;
    }
    return removed;
  }

  async *revive(prefix: string, at: Date, dryRun: boolean, signal: AbortSignal): AsyncGenerator<Revived> {
    const failures: unknown[] = [];
    for await (const versions of listVersions(this.#client, prefix, signal)) {
      const plan = planRevival(versions, at);
      if (plan === undefined) continue;
      try {
        if (!dryRun) await this.#bringBack(plan, signal);
      } catch (error) {
        // One that cannot come back must not keep the others away.
        signal.throwIfAborted();
        failures.push(error);
        continue;
      }
      yield { key: plan.back.key, was: plan.was };
    }
    if (failures.length > 0) throw failures[0];
  }

  /** What came since is removed; where somebody has locked that, the older version is copied over it. */
  async #bringBack({ back: { key, versionId }, since }: Revival, signal: AbortSignal): Promise<void> {
    let left = 0;
    for (const version of since) if (!(await this.#remove(version, signal))) left += 1;
    // It had no turn while it was in no list.
    if (left === 0) return this.renew(key, signal);
    const source = { 'x-amz-copy-source': this.#client.copySource(key, versionId) };
    await this.#client.call({ method: 'PUT', key, headers: { ...source, ...this.headersFor(key) }, deed: `bring back ${key}` }, signal);
    await this.confirm(key, signal);
  }

  /** @returns no date where it is not locked. */
  async #lockedUntil(key: string, signal: AbortSignal): Promise<Date> {
    const { headers } = await this.#client.call({ method: 'HEAD', key, accept: [404], deed: `look for ${key}` }, signal);
    // Some servers tell nanoseconds.
    return new Date(String(headers[untilHeader] ?? '').replace(/(\.\d{3})\d*Z$/, '$1Z'));
  }

  #unlockable(key: string): BerthError {
    return new BerthError(
      'unreachable',
      `${this.#name} does not let ${key} be locked`,
      'the account needs s3:PutObjectRetention; and what is locked with `compliance` cannot be locked with `governance`',
    );
  }

  /** Answers whether it is gone. */
  async #remove({ key, versionId }: ObjectVersion, signal: AbortSignal): Promise<boolean> {
    const request = { method: 'DELETE', key, query: { versionId }, accept: [404, ...refused], deed: `remove ${key}` } as const;
    return !refused.includes((await this.#client.call(request, signal)).status);
  }

  #end(): Date {
    return new Date(this.#now().getTime() + this.days * dayMs);
  }

  #lockUntil(end: Date): Headers {
    return { [modeHeader]: this.#mode, [untilHeader]: end.toISOString() };
  }
}

/**
 * What can be removed of what lies under a key. An older version is of no use from when the next one took its place; if it is locked, that was renewed then at
 * the latest.
 *
 * @param versions - The newest first.
 */
export function planClean(
  versions: readonly ObjectVersion[],
  { before, days, now }: { readonly before: Date; readonly days: number; readonly now: Date },
): { readonly gone: readonly ObjectVersion[]; readonly marker: ObjectVersion | undefined } {
  const [newest, ...older] = versions;
  if (newest === undefined) return { gone: [], marker: undefined };
  const end = isOfBackup(newest.key) ? Math.min(before.getTime(), now.getTime() - days * dayMs) : before.getTime();
  const gone = older.filter((_, index) => (versions[index]?.modified.getTime() ?? Infinity) < end);
  // The last that says that the object is gone goes with the last of the object.
  const isEmpty = newest.isMarker && newest.modified.getTime() < end;
  return { gone, marker: isEmpty && gone.length === older.length ? newest : undefined };
}

interface Revival {
  readonly back: ObjectVersion;
  readonly was: Revived['was'];
  /** What came after it. */
  readonly since: readonly ObjectVersion[];
}

/**
 * What brings back an object as it was.
 *
 * @param versions - The newest first.
 * @returns nothing where it is as it was, or was not there then.
 */
export function planRevival(versions: readonly ObjectVersion[], at: Date): Revival | undefined {
  const place = versions.findIndex(({ modified }) => modified <= at);
  const back = versions[place];
  if (back === undefined || place === 0 || back.isMarker || !isOfBackup(back.key)) return undefined;
  const since = versions.slice(0, place);
  return { back, since, was: since.every(({ isMarker }) => isMarker) ? 'removed' : 'replaced' };
}
