import type { Context } from './context.ts';

const patienceMs = 1000;
const everyMs = 200;

/** A line on the terminal that tells how far something is, once it takes longer than a second; gone when it ends. */
export interface Progress extends Disposable {
  readonly say: (text: string) => void;
}

export function progressOn(context: Pick<Context, 'interactive' | 'columns' | 'err'>, json: boolean): Progress {
  const since = performance.now();
  let last = since + patienceMs - everyMs;
  let shown = false;
  return {
    say: (text) => {
      if (!context.interactive || json || performance.now() - last < everyMs) return;
      last = performance.now();
      shown = true;
      context.err(`\r\u001b[K${text.slice(0, context.columns - 1)}`);
    },
    [Symbol.dispose]: () => {
      if (shown) context.err('\r\u001b[K');
    },
  };
}
