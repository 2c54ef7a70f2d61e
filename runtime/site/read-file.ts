import { createReadStream } from 'node:fs';
import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';
import type { Bytes } from '../streams/blocks.ts';

/** Does one thing with a file; a refusal of the system says what, why and what to do. */
export function reading<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw explained(path, error);
  }
}

/** The bytes of a file as they are now. */
export async function* readFile(path: string, signal: AbortSignal): Bytes {
  try {
    // No hurry: a site is small, and what is written at the same time is found out afterwards.
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 2 ** 18 })) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw explained(path, error);
  }
}

function explained(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [meaning, cure] = systemErrors[code] ?? [];
  if (meaning === undefined) return error;
  return new BerthError('io', `cannot read ${path}: ${meaning}`, `${cure}; the agent runs as the owner of the site`, { cause: error });
}
