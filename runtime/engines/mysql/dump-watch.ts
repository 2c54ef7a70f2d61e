import type { Bytes } from '../../streams/blocks.ts';

/** The place in the log and the transactions stand in the first lines; a list of transactions may be long. */
const beginningBytes = 2 ** 20;
const endBytes = 200;
const trailer = /\n-- Dump completed(?: on [^\n]*)?\s*$/;

/** What was seen of a dump that passed by. */
export interface DumpSeen {
  readonly beginning: string;
  /** Whether its last line came. */
  readonly ended: boolean;
  readonly bytes: number;
}

/** A dump on its way: the same bytes, and a look at how it begins and ends. */
export function watchDump(source: Bytes): { readonly bytes: Bytes; readonly seen: () => DumpSeen } {
  const first: Buffer[] = [];
  let held = 0;
  let last = Buffer.alloc(0);
  let total = 0;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (held < beginningBytes) {
        first.push(Buffer.from(chunk.subarray(0, beginningBytes - held)));
        held += chunk.length;
      }
      last = Buffer.concat([last, chunk.subarray(-endBytes)]).subarray(-endBytes);
      total += chunk.length;
      yield chunk;
    }
  }
  return {
    bytes: bytes(),
    seen: () => ({ beginning: Buffer.concat(first).toString('latin1'), ended: trailer.test(last.toString('latin1')), bytes: total }),
  };
}

/** Where in the log the snapshot of a dump stands. */
export function placeInDump(beginning: string) {
  const [, file, position] = /(?:SOURCE|MASTER)_LOG_FILE='([^']+)', (?:SOURCE|MASTER)_LOG_POS=(\d+)/.exec(beginning) ?? [];
  return file === undefined ? undefined : { file, position: Number(position) };
}
