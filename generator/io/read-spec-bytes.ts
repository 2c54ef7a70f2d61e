import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from './io-failure.ts';

/** Enough to see that a file is too long for a spec, without reading all of it. */
const most = 16 * 1024 * 1024;

/** The bytes of a document of the site, at most 16 MiB of them. @throws BerthError `io`. */
export function readSpecBytes(folder: string, file: string): Uint8Array {
  return attempt(`read ${join(folder, file)}`, () => {
    const handle = openSync(join(folder, file), 'r');
    try {
      // A pipe tells no size.
      const buffer = Buffer.alloc(Math.min(fstatSync(handle).size || most, most));
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        read = readSync(handle, buffer, length, buffer.length - length, null);
      return buffer.subarray(0, length);
    } finally {
      closeSync(handle);
    }
  });
}
