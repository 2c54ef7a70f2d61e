import { readSync } from 'node:fs';

const mostBytes = 2 ** 20;
const pauseMs = 20;

/**
 * For a verb that is done in a container for somebody outside of it: no signal gets there when that one goes away, but its standard input ends. The first line of that
 * is what it would have been given; it is waited for.
 *
 * @param gone - Told when nobody waits for the verb any more. What is at work is not kept from ending by this.
 * @returns what came, a private key for one, or nothing. To be made a secret at once: what this shares with the start would be one file more there.
 */
export function attend(gone: () => void): string | undefined {
  const line = firstLine();
  const { stdin } = process;
  let isTold = false;
  for (const event of ['end', 'close', 'error'])
    stdin.once(event, () => {
      // A signal that comes a second time means that nothing is to be cleaned up.
      if (!isTold) gone();
      isTold = true;
    });
  stdin.resume();
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  return line === '' ? undefined : Buffer.from(line, 'base64').toString('utf8');
}

/** Byte for byte, as what comes behind it is for nobody. */
function firstLine(): string {
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  while (bytes.length < mostBytes) {
    try {
      if (readSync(0, one) === 0 || one[0] === 0x0a) break;
      bytes.push(one[0] ?? 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
  return Buffer.from(bytes).toString('latin1');
}
