const states = ['paid', 'shipped', 'returned', 'cancelled', 'waiting for the supplier'];
const rowsAtOnce = 2000;

/** Rows of a shop, as a dump tool writes them, the same ones each time: at least so many bytes, of which `zstd -3` makes a tenth. */
export function* dumpOf(bytes: number): Generator<string> {
  let seed = 42;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let written = 0, id = 1; written < bytes;) {
    const rows: string[] = [];
    for (let row = 0; row < rowsAtOnce; row++, id++)
      rows.push(
        `(${id},'2026-03-${10 + Math.floor(id / 900_000)} 10:${10 + (Math.floor(id / 1000) % 50)}:00','${states[next(states.length)]}','customer-${next(50_000)}@shop.example','Standard delivery to the address of the invoice, within three working days',NULL,'EUR',${next(12_000)}.${10 + next(90)},0,0,${next(10)})`,
      );
    const line = `INSERT INTO \`orders\` VALUES ${rows.join(',')};\n`;
    written += line.length;
    yield line;
  }
}
