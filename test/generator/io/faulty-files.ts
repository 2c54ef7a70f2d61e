import * as fs from 'node:fs';
import type { FileSystem } from '../../../generator/io/file-system.ts';

export interface FaultyFiles {
  readonly files: FileSystem;
  /** Operations so far. */
  readonly count: () => number;
}

type Operation = (...args: never[]) => unknown;

const looks = new Set(['accessSync', 'closeSync', 'fsyncSync', 'lstatSync', 'readFileSync', 'realpathSync', 'statSync']);

/**
 * The real operations, numbered from 1; those that only look are not counted with `looking: false`. `fault` is asked before each and may throw, or end the process.
 * `fsync` may be left out: what a process wrote before it died is there, on the disk or not.
 */
export function faultyFiles(
  fault: (number: number, name: string, args: readonly unknown[]) => void,
  { fsync = true, looking = true } = {},
): FaultyFiles {
  let number = 0;
  const wrap =
    (name: string, operation: Operation): Operation =>
    (...args) => {
      if (looking || !looks.has(name)) fault((number += 1), name, args);
      return name === 'fsyncSync' && !fsync ? undefined : operation(...args);
    };
  const files = new Proxy(fs, {
    get: (target, name: keyof FileSystem) =>
      name === 'realpathSync' ? { native: wrap(name, target.realpathSync.native) } : wrap(name, target[name]),
  });
  return { files, count: () => number };
}

/** What a death in the middle of an operation leaves: half a file written, a folder half removed. */
export function halfDone(name: string, args: readonly unknown[]): void {
  if (name === 'writeFileSync' && typeof args[0] === 'number') fs.writeSync(args[0], String(args[1]).slice(0, String(args[1]).length / 2));
  if (name !== 'rmSync' || !fs.existsSync(String(args[0]))) return;
  const [first] = fs.readdirSync(String(args[0]));
  if (first !== undefined) fs.rmSync(`${String(args[0])}/${first}`);
}

/** A system error as Node throws it. */
export const systemError = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });
