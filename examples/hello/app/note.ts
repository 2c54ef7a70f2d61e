/** A short text left by a visitor: an object in the bucket, and a row in the database that says it was left. */
export interface Note {
  readonly key: string;
  readonly text: string;
  readonly createdAt: Date;
}

export const NOTE_PREFIX = 'notes/';
export const NOTE_LIMIT_BYTES = 2048;

const LAST_MOMENT = 9_999_999_999_999;
const shape = /^notes\/(\d{13})-[0-9a-f-]{36}\.txt$/;

/** A bucket lists its keys in ascending order, so the key counts time backwards: the first page of a listing holds the newest notes. */
export function newNote(text: string, createdAt: Date, id: string): Note {
  const backwards = String(LAST_MOMENT - createdAt.getTime()).padStart(13, '0');
  return { key: `${NOTE_PREFIX}${backwards}-${id}.txt`, text, createdAt };
}

/** When the note of this key was left; `undefined` for a key that this application did not make. */
export function timeOfKey(key: string): Date | undefined {
  const backwards = shape.exec(key)?.[1];
  return backwards === undefined ? undefined : new Date(LAST_MOMENT - Number(backwards));
}
