import type { Bytes } from '../streams/blocks.ts';
import { ByteReader } from '../streams/byte-reader.ts';
import { giveAway } from '../streams/given-away.ts';
import { damaged } from './damage.ts';
import { frameBytes } from './frame-size.ts';

/** RFC 8878, section 3.1.1: numbers are little-endian. */
const magic = 0xfd2fb528;
const blockHeader = 3;
const runLength = 1;
const reservedBlock = 3;
/** Compression may add a little to what cannot be compressed; what goes on for longer is no frame of ours. */
const longest = 2 * frameBytes;

/** The frames of a .zst file, one at a time. @throws BerthError `damaged` where no frame begins, and where the bytes end inside of one. */
export async function* splitFrames(source: Bytes): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(source);
  for (;;) {
    const start = await reader.take(4);
    if (start.length === 0) return;
    if (start.length < 4 || view(start).getUint32(0, true) !== magic)
      throw damaged('the compressed data', 'no frame begins where one should');
    yield await restOfFrame(reader, start);
  }
}

async function restOfFrame(reader: ByteReader, start: Uint8Array): Promise<Uint8Array> {
  const chunks = [start];
  let bytes = start.length;
  const take = async (count: number): Promise<Uint8Array> => {
    const piece = await reader.take(count);
    if (piece.length < count) throw damaged('the compressed data', 'it ends inside of a frame');
    bytes += count;
    if (bytes > longest) throw damaged('the compressed data', 'a frame has no end');
    chunks.push(piece);
    return piece;
  };
  const [descriptor = 0] = await take(1);
  await take(headerRest(descriptor));
  for (let last = false; !last;) {
    const [low = 0, middle = 0, high = 0] = await take(blockHeader);
    const header = low | (middle << 8) | (high << 16);
    const type = (header >> 1) & 3;
    if (type === reservedBlock) throw damaged('the compressed data', 'a block is of no known type');
    await take(type === runLength ? 1 : header >> 3);
    last = (header & 1) === 1;
  }
  if ((descriptor & 4) !== 0) await take(4);
  return giveAway(Buffer.concat(chunks, bytes));
}

/** Bytes of the header after its descriptor: window, dictionary, size of the content. */
function headerRest(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  return (single ? 0 : 1) + dictionary + contentSize;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
