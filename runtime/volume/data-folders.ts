import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { writeTar, type TarEntry } from '../format/tar.ts';
import type { DataFolders } from '../ports/data-folders.ts';
import type { Bytes } from '../streams/blocks.ts';
import { trying } from './refused.ts';
import { unpackVolume } from './unpack-volume.ts';
import { walkVolume } from './walk-volume.ts';

const pieceBytes = 2 ** 20;

/** As folders of volumes are packed, but for one thing: nobody writes here, so that whatever cannot be had is no backup. */
export const dataFolders: DataFolders = {
  pack: (folder, signal) => writeTar(entriesOf(folder, signal), ({ path }) => read(join(folder, path), signal)),
  unpack: async (folder, archive, signal) => {
    await trying(`write ${folder}`, '', () => mkdir(folder, { mode: 0o700 }));
    await unpackVolume(folder, archive, false, signal);
  },
};

async function* entriesOf(folder: string, signal: AbortSignal): AsyncGenerator<TarEntry> {
  const heard = {
    gone: (path: string) => {
      throw lacking(`${path} went away`);
    },
    leftOut: (path: string, because: string) => {
      throw lacking(`${path}: ${because}`);
    },
  };
  for await (const { entry } of walkVolume(folder, heard, signal)) yield entry;
}

const read = (path: string, signal: AbortSignal): Bytes => createReadStream(path, { highWaterMark: pieceBytes, signal });

const lacking = (what: string): BerthError =>
  new BerthError(
    'io',
    `the data of a server cannot be packed: ${what}`,
    'it is tried again; if that goes on, see what writes to the agent’s folder',
  );
