import type { Manifest } from '../../model/backup/manifest.ts';

/**
 * The same manifest, whose parts are those of the one before where they are equal: the source, the program, what the engine says of itself. One parsed from its own
 * text has each of them anew, and of a log of weeks that is most of what is held.
 */
export function sharedWith(before: Manifest | undefined, manifest: Manifest): Manifest {
  if (before === undefined) return manifest;
  const { position, parent } = manifest;
  return {
    ...(shared(before, manifest) as Manifest),
    // A log goes on where the one before it ended.
    parent: parent === before.id ? before.id : parent,
    position: { ...position, from: position.from === before.position.to ? before.position.to : position.from },
  };
}

/** A manifest is never written to, so nobody sees who else holds a part of it. */
function shared(before: unknown, value: unknown): unknown {
  if (before === value) return before;
  if (!isRecord(before) || !isRecord(value)) return value;
  const entries = Object.entries(value).map(([name, each]) => [name, shared(before[name], each)] as const);
  const isSame =
    entries.length === Object.keys(before).length && entries.every(([name, each]) => Object.hasOwn(before, name) && each === before[name]);
  return isSame ? before : Object.fromEntries(entries);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
