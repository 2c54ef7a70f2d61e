import type { Bytes } from '../streams/blocks.ts';

/** The data of a server that does not run, as an archive that every `tar` reads. */
export interface DataFolders {
  /** @throws BerthError when something in it is neither a file nor a folder, or changes meanwhile. */
  readonly pack: (folder: string, signal: AbortSignal) => Bytes;
  /**
   * @param folder - Is made.
   * @throws BerthError `damaged` for what Berth did not pack, and `io`.
   */
  readonly unpack: (folder: string, archive: Bytes, signal: AbortSignal) => Promise<void>;
}
