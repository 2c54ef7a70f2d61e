import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import type { FileSystem } from './file-system.ts';
import { attempt } from './io-failure.ts';
import { locate } from './site-path.ts';

export interface TextFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

const largest = 10 * 2 ** 20;

/** A text file of the site; `undefined` where there is none. Anything else under that name is refused. */
export function readText(root: string, path: string, files: FileSystem): TextFile | undefined {
  const found = join(root, locate(root, path, files));
  const stat = attempt(`read ${path}`, () => files.statSync(found, { throwIfNoEntry: false }));
  if (!stat) return undefined;
  if (stat.isDirectory()) throw refusal(path, 'is a folder where a file should be');
  if (!stat.isFile()) throw refusal(path, 'is not a regular file');
  if (stat.size > largest) throw refusal(path, `has ${Math.ceil(stat.size / 2 ** 20)} MiB; no file of a site has more than 10`);
  const bytes = attempt(`read ${path}`, () => files.readFileSync(found));
  if (!isUtf8(bytes)) throw refusal(path, 'is not UTF-8 text');
  return { text: bytes.toString('utf8'), mode: stat.mode & 0o7777 };
}

const refusal = (path: string, matter: string): BerthError =>
  new BerthError('io', `${path} ${matter}`, `move ${path} out of the way, then run the command again`);
