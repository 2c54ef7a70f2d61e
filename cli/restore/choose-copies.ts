import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { CachePlan } from '../../model/cache-plan.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { isCache } from '../../runtime/caches.ts';
import { isVolume } from '../../runtime/volumes.ts';
import { slotsOfShards } from './cache-nodes.ts';
import { newestUntil } from './choose-backup.ts';
import { momentOf } from '../moment.ts';
import { chooseCopy } from './open-copy.ts';

/** A cache or a volume, and the copy that it will be as. */
export interface WantedCopy {
  readonly kind: 'cache' | 'volume';
  readonly name: string;
  readonly copy: Manifest;
}

/** A cache whose copy cannot be what its servers begin with. */
export interface Apart {
  readonly name: string;
  readonly madeAt: string;
  /** The rest of a sentence that begins with its name. */
  readonly because: string;
  /** What the copy can be had into once the site runs. */
  readonly into: string;
}

export interface ChosenCopies {
  readonly copies: readonly WantedCopy[];
  readonly apart: readonly Apart[];
  /** Of which there is no copy by then, or none that is sound. */
  readonly empty: readonly string[];
  /** The ids of copies that would have been taken, were they not broken. */
  readonly broken: readonly string[];
}

export interface CopyChoice {
  /** The oldest first. */
  readonly manifests: readonly Manifest[];
  /** Below zero it was found to be broken. */
  readonly levelOf: (id: string) => number;
  /** As it was then; the newest without it. */
  readonly at: string | undefined;
  /** The point of a bucket, or the copy of a cache or a volume, that an earlier run has begun to put back. */
  readonly pointOf: (name: string) => string | undefined;
  /** Whether the servers of a cache append to a file what they hold. */
  readonly appends: (cache: CachePlan) => boolean;
}

/**
 * What is copied as a whole each time, and lies in volumes that can be filled before anybody starts.
 *
 * @param jobs - Of the site as it was then.
 * @param caches - As they were planned then.
 * @throws BerthError `conflict` for a newest copy that holds less than half of the one before.
 */
export function chooseCopies(
  jobs: readonly BackupJob[],
  caches: readonly CachePlan[],
  { manifests, levelOf, at, pointOf, appends }: CopyChoice,
): ChosenCopies {
  const copies: WantedCopy[] = [];
  const apart: Apart[] = [];
  const empty: string[] = [];
  const broken: string[] = [];
  const moment = at === undefined ? undefined : momentOf(at);
  for (const job of jobs) {
    const kind = isCache(job) ? 'cache' : isVolume(job) ? 'volume' : undefined;
    if (kind === undefined) continue;
    const { name } = job;
    const all = manifests.filter((each) => each.source === name && each.kind === kind);
    const reached = all.filter(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
    const sound = reached.filter(({ id }) => levelOf(id) >= 0);
    const begun = all.find(({ id }) => id === pointOf(name));
    // A cache is emptied by its applications every day, and is nothing to hold up all the rest for.
    const choose = (): Manifest => (kind === 'cache' ? newestUntil(sound, `backup of ${name}`, at).newest : chooseCopy(sound, name, at));
    const copy = begun ?? (sound.length === 0 ? undefined : choose());
    if (begun === undefined) broken.push(...reached.filter(({ id }) => levelOf(id) < 0 && id > (copy?.id ?? '')).map(({ id }) => id));
    if (copy === undefined) {
      empty.push(name);
      continue;
    }
    const cache = caches.find((each) => each.cache === name);
    const unfit = kind === 'cache' ? whyUnfit(copy, cache, appends) : undefined;
    if (unfit === undefined) copies.push({ kind, name, copy });
    else apart.push({ name, madeAt: copy.finishedAt, ...unfit });
  }
  return { copies, apart, empty, broken };
}

function whyUnfit(
  copy: Manifest,
  cache: CachePlan | undefined,
  appends: CopyChoice['appends'],
): Pick<Apart, 'because' | 'into'> | undefined {
  if (cache === undefined) throw new Error(`the plan has no cache ${copy.source}`);
  const files = { into: `../${cache.cache}-files` };
  const parts = cache.cluster?.shards.length ?? 1;
  if (copy.streams.length !== parts)
    return { because: `is divided into ${parts}, and its copy is of ${copy.streams.length}: its files come with this`, ...files };
  if (cache.cluster !== undefined && !coversAll(slotsOfShards(copy.facts)))
    return { because: 'is divided, and its copy does not say how, or was made while it changed: its files come with this', ...files };
  if (!appends(cache))
    return {
      because: `has no appendonly yes in config/${cache.service}, so its servers would not read a copy; with it this puts it back`,
      into: 'live',
    };
  return undefined;
}

/** Whether each slot is in one of the shards, and in no other. */
function coversAll(shards: readonly string[]): boolean {
  const slots = shards.flatMap((shard) =>
    shard
      .split(' ')
      .filter((range) => range !== '')
      .flatMap((range) => {
        const [first = 0, last = first] = range.split('-').map(Number);
        return Array.from({ length: last - first + 1 }, (_, index) => first + index);
      }),
  );
  return shards.every((shard) => shard !== '') && slots.length === slotsOfCluster && new Set(slots).size === slotsOfCluster;
}
const slotsOfCluster = 16_384;

/** What the settings say in the folder of a site. */
export const appendsIn =
  (site: string): CopyChoice['appends'] =>
  ({ service, engine }) =>
    /^appendonly "?yes/m.test(textOf(join(site, 'config', service, `${engine}.conf`)));

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
