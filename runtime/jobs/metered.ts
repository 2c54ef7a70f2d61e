import type { Producer } from '../ports/producer.ts';
import type { Bytes } from '../streams/blocks.ts';

/** A producer that tells how many bytes it gave so far. */
export function metered(producer: Producer, heard: (bytes: number) => void): Producer {
  let bytes = 0;
  const counting = async function* (source: Bytes): Bytes {
    for await (const chunk of source) {
      bytes += chunk.length;
      heard(bytes);
      yield chunk;
    }
  };
  return {
    engine: producer.engine,
    open: async (signal) => {
      const snapshot = await producer.open(signal);
      const streams = async function* () {
        for await (const { name, bytes: source } of snapshot.streams) yield { name, bytes: counting(source) };
      };
      return { streams: streams(), finish: () => snapshot.finish(), [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose]() };
    },
  };
}
