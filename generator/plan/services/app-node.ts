import { node } from '../../../model/engines/node.ts';
import { L, T, byMemory, inMemoryOf, untuned, worstCase } from './app-tuning.ts';
import type { Tuned, Tuning } from './app-tuning.ts';

/** Up to this limit fixed costs weigh more. */
const small = 768;

/** Heap in MiB for a limit of `memory` MiB beside `folders` MiB in memory, and what all of it takes at worst. */
function divide(memory: number, folders: number): { readonly heap: number; readonly most: number } {
  const share = (memory - folders) * (memory <= small ? 0.6 : 0.75);
  const heap = Math.floor(Math.min(share, memory * 0.9 - node.overheadMiB - folders));
  return { heap, most: heap + node.overheadMiB + folders };
}

/** Node's memory follows the limit, unless the operator says otherwise. */
export function tuneNode({ app, size }: Tuned): Tuning {
  if (app.env['NODE_OPTIONS'] !== undefined) return untuned;
  const { heap, most } = divide(size.memory, inMemoryOf(app));
  return {
    env: { NODE_OPTIONS: `--max-old-space-size=${heap}` },
    decisions: [
      {
        key: `${app.name}.max-old-space-size`,
        value: String(heap),
        formula: `L ≤ ${small} MiB: 0.6 (L − T), else 0.75 (L − T); never more than keeps the worst case within 0.9 L`,
        inputs: { ...L(size), ...T(app) },
        source: 'measured: without it Node takes 259 MiB under any limit up to 512 MiB and 2096 MiB under 8 GiB',
        change: byMemory(app),
      },
      worstCase(app, size, most, `heap + ${node.overheadMiB} MiB + T`, { heap: `${heap} MiB`, ...T(app) }),
    ],
    processes: 1,
  };
}
