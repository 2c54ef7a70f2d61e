import { createHash } from 'node:crypto';
import type { Json } from '../../../model/backup/shape.ts';
import { BrokenBson, dateIn, fieldsOf, int64In, textIn, timestampIn } from './bson.ts';

/** Place in the oplog: seconds and a number within them, in one. Those of one server only grow. */
export type Timestamp = bigint;

const form = /^(\d{1,10}):(\d{1,10})$/;

/** `1766361600:4`, as the engine's own programs write it. Whatever is none comes before all others. */
export function parseTimestamp(text: string): Timestamp {
  const [, seconds = '0', count = '0'] = form.exec(text) ?? [];
  return (BigInt(seconds) << 32n) | BigInt(count);
}

export const formatTimestamp = (timestamp: Timestamp): string => `${timestamp >> 32n}:${timestamp & 0xff_ff_ff_ffn}`;

/** How a query of the engine's programs is given a place. */
export const queryFrom = (timestamp: Timestamp): string =>
  JSON.stringify({ ts: { $gte: { $timestamp: { t: Number(timestamp >> 32n), i: Number(timestamp & 0xff_ff_ff_ffn) } } } });

/** What is looked at of an entry. */
export interface OplogEntry {
  readonly at: Timestamp;
  /** When it was written, by the clock of the server. */
  readonly wall: Date;
  /** Whether it changes what a restore brings back: neither a sign of life nor what a server writes down for itself. */
  readonly isWrite: boolean;
}

/** @throws BrokenBson when it is none. */
export function readEntry(document: Buffer): OplogEntry {
  const fields = fieldsOf(document);
  const [at, wall, kind, namespace] = [
    timestampIn(fields.get('ts')),
    dateIn(fields.get('wall')),
    textIn(fields.get('op')),
    textIn(fields.get('ns')),
  ];
  if (at === undefined || wall === undefined || kind === undefined) throw new BrokenBson('this is no entry of an oplog');
  return { at, wall, isWrite: kind !== 'n' && namespace?.startsWith('config.') !== true };
}

/**
 * One entry, so that it is known again: its place, the election under which it was written, and a hash of all of it. Another server, or this one after its
 * data were put back, has none at that place, or another.
 */
export function markOf(document: Buffer): { readonly [name: string]: Json } {
  const term = int64In(fieldsOf(document).get('t'));
  return {
    ts: formatTimestamp(readEntry(document).at),
    term: term === undefined ? null : Number(term),
    hash: createHash('sha256').update(document).digest('hex'),
  };
}

const fieldsOfMark = (mark: Json | undefined): Readonly<Record<string, Json>> =>
  typeof mark === 'object' && mark !== null && !Array.isArray(mark) ? (mark as Readonly<Record<string, Json>>) : {};

export function isSameTerm(one: Json | undefined, other: Json | undefined): boolean {
  const term = fieldsOfMark(one)['term'];
  return typeof term === 'number' && term === fieldsOfMark(other)['term'];
}

export function isSameMark(one: Json | undefined, other: Json | undefined): boolean {
  const [a, b] = [fieldsOfMark(one), fieldsOfMark(other)];
  return typeof a['hash'] === 'string' && (['ts', 'term', 'hash'] as const).every((name) => a[name] === b[name]);
}
