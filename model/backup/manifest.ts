import { suiteNames } from './suites.ts';
import { ulidPattern } from './ulid.ts';
import { anyFields, count, fields, list, nullable, oneOf, text, type Shaped } from './shape.ts';

/**
 * What a backup is a copy of. Increments and logs need others before them. A bucket is a list of objects, whose bytes lie in backups of the kind `contents`;
 * those are no points in time themselves. The rest stand alone.
 */
export const backupKinds = ['full', 'increment', 'log', 'configuration', 'secrets', 'bucket', 'contents', 'volume', 'cache'] as const;
export type BackupKind = (typeof backupKinds)[number];

/** Names that are safe as part of an object's key and as a file on any system. */
const namePattern = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
/** Keys of objects: no empty part, none that begins with a dot, nothing that any store or shell would take for more than a character. */
export const keyPattern = /^(?=.{1,900}$)[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;

const name = text(namePattern, 'a name of small letters, digits, dots and dashes');
const id = text(ulidPattern, 'an id of 26 characters');
const time = text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time in UTC such as 2026-03-29T01:00:00.000Z');
const hash = text(/^[0-9a-f]{64}$/, '64 hexadecimal digits');
const anyText = text(/^[^\p{Cc}]{0,4000}$/u, 'text on one line');

const storedObject = fields({
  key: text(keyPattern, 'the key of an object'),
  bytes: count(1),
  /** SHA-256 of each part as it lies in the store. */
  parts: list(hash, 1),
});

const storedStream = fields({
  /** `dump.sql`, `base.tar`: the name of the file that it is once restored. */
  name,
  compression: oneOf('zstd'),
  /** Of AES-CTR the first counter block, 16 bytes; age has its own inside. */
  iv: nullable(text(/^[0-9a-f]{16}0{16}$/, '16 hexadecimal digits and 16 zeros')),
  plainBytes: count(),
  /** Every part has this length but the last of each object. */
  partBytes: count(1),
  /** The ciphertext is these, one after the other. */
  objects: list(storedObject, 1),
});

/** In the order in which it is written. `version` rises when a reader of the old form would misread the new one. */
export const manifestShape = fields({
  format: oneOf('berth-backup'),
  /** 2 for what is encrypted with age, as a reader of 1 would take it for damaged. */
  version: oneOf(1, 2),
  id,
  site: name,
  /** The service that was copied, by its name in the site. */
  source: name,
  engine: name,
  kind: oneOf(...backupKinds),
  /** Id of the backup that the chain begins with: its own, unless it is an increment or a log. */
  chain: id,
  /** What must be restored just before this one. */
  parent: nullable(id),
  /** A restore point with a name, such as `before-2.4.1`. */
  label: nullable(anyText),
  /** The tick that asked for it; none when a person did. */
  scheduledFor: nullable(time),
  startedAt: time,
  finishedAt: time,
  /** By a clock that is never set, in milliseconds. */
  durationMs: count(),
  /** Where in the engine's log its content stands: GTIDs, an LSN. */
  position: fields({ from: nullable(anyText), to: nullable(anyText) }),
  /** What the engine said of itself inside of the snapshot: identity, version, counts, checksums. */
  facts: anyFields,
  /** How the data are encrypted, and what tells their key from another one; with age it is the public half of that. */
  cipher: fields({
    suite: oneOf(...suiteNames),
    keyCheck: text(/^(?:[0-9a-f]{32}|age1[02-9ac-hj-np-z]{58})$/, '32 hexadecimal digits, or age1 and 58 characters'),
  }),
  streams: list(storedStream, 1),
  tool: fields({ name: anyText, version: anyText, image: nullable(anyText) }),
  berth: anyText,
  /** Of the lease under which it was written. */
  epoch: count(),
});

/** All there is to know about one backup. A backup exists if and only if its manifest does. */
export type Manifest = Shaped<typeof manifestShape>;
/** One file of a backup: compressed, encrypted, in one object or several. */
export type StoredStream = Manifest['streams'][number];
export type StoredObject = StoredStream['objects'][number];

/** What the log of a database is shipped behind. */
export const hasLogBehind = (kind: BackupKind): boolean => kind === 'full' || kind === 'increment';

/** Increments and logs are of no use alone. */
export const isDependent = (kind: BackupKind): boolean => kind === 'increment' || kind === 'log';
