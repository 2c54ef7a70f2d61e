import type { BackupKind } from './manifest.ts';
import type { SuiteName } from './suites.ts';

/**
 * Where everything lies in a store. What counts, the manifests, lies apart from the data, so that a list of all backups is a list of
 * few objects. No key is ever used twice: each attempt at a backup has an id of its own.
 */
export interface Place {
  readonly site: string;
  /** The service that is copied. */
  readonly source: string;
}

/** What drills have proven lies apart, as each is about several sources. */
export const drillsOf = (site: string): Place => ({ site, source: 'site.drills' });

const base = ({ site, source }: Place): string => `v1/${site}/${source}`;

export const sitePrefix = (site: string): string => `v1/${site}/`;
/** What was copied, of an object of a backup. */
export const sourceInKey = (key: string): string => key.split('/')[2] ?? '';

/** All that is of a source, but its leases. */
export const placePrefix = (place: Place): string => `${base(place)}/`;

export const manifestPrefix = (place: Place): string => `${base(place)}/manifests/`;
export const manifestKey = (place: Place, id: string, kind: BackupKind): string => `${manifestPrefix(place)}${id}.${kind}.json`;

/** A manifest is moved here when its backup is removed; while it lies here, the data are still there, and moving it back undoes all. */
export const removedPrefix = (place: Place): string => `${base(place)}/removed/`;
export const removedKey = (place: Place, id: string, kind: BackupKind): string => `${removedPrefix(place)}${id}.${kind}.json`;

/** What a second place has swept while the first one still has it, so that it is not sent there again. */
export const sweptPrefix = (place: Place): string => `${base(place)}/swept/`;
export const sweptKey = (place: Place, id: string): string => `${sweptPrefix(place)}${id}.json`;

export const dataPrefix = (place: Place): string => `${base(place)}/data/`;
const endings = { aes256: 'aes', age: 'age' } as const;
/** @param index - From 1: a long stream goes on in the next object. */
export const dataKey = (place: Place, id: string, stream: string, suite: SuiteName, index: number): string =>
  `${dataPrefix(place)}${id}/${stream}.zst.${endings[suite]}.${index}`;

export const keysPrefix = (place: Place): string => `${base(place)}/keys/`;
/** @param version - The id of the backup itself at first, a newer one for each rotation. */
export const keyFileKey = (place: Place, id: string, version: string): string => `${keysPrefix(place)}${id}/${version}.json`;

/** What was found when backups were looked at again; see `model/backup/verification.ts`. */
export const verifiedPrefix = (place: Place): string => `${base(place)}/verified/`;
export const verifiedKey = (place: Place, id: string): string => `${verifiedPrefix(place)}${id}.json`;

/** Written and looked for in a bucket that is to be copied, and deleted again: is it the store itself? */
export const probeKey = (place: Place): string => `${base(place)}/probe`;

export const leasesPrefix = (site: string): string => `v1/${site}/leases/`;
export const leasePrefix = (site: string, name: string): string => `${leasesPrefix(site)}${name}/`;

/** Whether an object is what a backup consists of: written once, and never again. Leases, findings and instructions are not. */
export const isOfBackup = (key: string): boolean => /^v1\/[^/]+\/(?!leases\/)[^/]+\/(?:manifests|data|keys)\//.test(key);

/** The backup that an object of {@link manifestPrefix}, {@link removedPrefix}, {@link dataPrefix}, {@link keysPrefix} or {@link sweptPrefix} belongs to. */
export const idInKey = (key: string, prefix: string): string | undefined => /^([0-9A-Z]{26})[./]/.exec(key.slice(prefix.length))?.[1];
