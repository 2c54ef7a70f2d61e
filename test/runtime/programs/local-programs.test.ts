import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BerthError } from '../../../model/errors.ts';
import { Secret } from '../../../model/secret.ts';
import { localPrograms, outputOf } from '../../../runtime/programs/local-programs.ts';
import { giveAway } from '../../../runtime/streams/given-away.ts';
import { from, noise, whole } from '../streams/bytes.ts';
import { never } from '../jobs/backup-world.ts';

const programs = localPrograms({ PATH: process.env['PATH'] }, 300);
const shell = (script: string) => ({ argv: ['sh', '-c', script] as const });

describe('a program', () => {
  test('gives what it writes, as bytes', async () => {
    const bytes = noise(300_000);
    await using running = programs.start({ argv: ['cat'], input: from(bytes) }, never);
    expect((await whole(running.output)).equals(bytes)).toBe(true);
    expect(await running.ended).toEqual({ code: 0, signal: null, stderr: '' });
  });

  test('lets go of what it was given for good once it has read that, and of nothing else', async () => {
    const [given, kept] = [giveAway(noise(3_000_000)), noise(500_000, 2)];
    const sent = Buffer.concat([given, kept, kept]);
    async function* input(): AsyncGenerator<Uint8Array> {
      for (const chunk of [given, kept, kept]) yield chunk;
    }
    await using running = programs.start({ argv: ['cat'], input: input() }, never);
    expect((await whole(running.output)).equals(sent)).toBe(true);
    expect([given.length, kept.length]).toEqual([0, 500_000]);
  });

  test('that ends before it has read all is asked for its exit code, and its input is closed', async () => {
    let closed = false;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield giveAway(noise(300_000));
      } finally {
        closed = true;
      }
    }
    await using running = programs.start({ ...shell('head -c 5; exit 0'), input: input() }, never);
    expect((await whole(running.output)).equals(noise(5))).toBe(true);
    await expect.poll(() => closed).toBe(true);
  });

  test('that fails after output began fails its reader, with what it said last', async () => {
    await using running = programs.start(shell('echo some; echo first >&2; echo "the cause" >&2; exit 3'), never);
    await expect(whole(running.output)).rejects.toMatchObject({ kind: 'io', message: 'sh exited with 3: the cause' });
    expect((await running.ended).code).toBe(3);
  });

  test('may have its failure explained by who knows it', async () => {
    const explain = ({ stderr }: { readonly stderr: string }) => new BerthError('unreachable', `it says ${stderr.trim()}`, 'ask it');
    await expect(outputOf(programs, { ...shell('echo no >&2; exit 1'), explain }, never)).rejects.toThrow('it says no');
  });

  test('that is not there is told from one that fails', async () => {
    await expect(outputOf(programs, { argv: ['pg_nothing'] }, never)).rejects.toMatchObject({
      kind: 'unsupported',
      hint: 'install pg_nothing, or run this where it is; programs of an engine are in its image',
    });
  });

  test('gets a secret by its environment, and nothing else that was not given to it', async () => {
    process.env['BERTH_TEST_LEAK'] = 'leaked';
    const program = { ...shell('echo "$PGPASSWORD/$BERTH_TEST_LEAK"'), env: { PGPASSWORD: new Secret('s3cret') } };
    expect(await outputOf(programs, program, never)).toBe('s3cret/\n');
    expect(inspect(program, { depth: 9 })).not.toContain('s3cret');
    delete process.env['BERTH_TEST_LEAK'];
  });

  test('is ended when the signal says so, with force if it does not listen', async () => {
    const stop = new AbortController();
    await using running = programs.start(shell('trap "" TERM; echo up; while :; do sleep 0.1; done'), stop.signal);
    const reading = whole(running.output);
    setTimeout(() => stop.abort(new Error('enough')), 100);
    await expect(reading).rejects.toThrow('enough');
    expect((await running.ended).signal).toBe('SIGKILL');
  });

  test('is gone once it was disposed of', async () => {
    const running = programs.start(shell('echo $$; sleep 60'), never);
    for await (const chunk of running.output) {
      await running[Symbol.asyncDispose]();
      expect(() => process.kill(Number(Buffer.from(chunk).toString()), 0)).toThrow();
      break;
    }
  });

  test('waits while nobody reads', async () => {
    await using running = programs.start(shell('head -c 20000000 /dev/zero; echo done >&2'), never);
    await sleep(200);
    expect(running.said()).toBe('');
    expect((await whole(running.output)).length).toBe(20_000_000);
  });

  test('whose input breaks does not end well', async () => {
    const input = (async function* () {
      yield Buffer.from('first');
      await Promise.resolve();
      throw new Error('the store is gone');
    })();
    await expect(outputOf(programs, { argv: ['cat'], input }, never)).rejects.toThrow('the store is gone');
  });

  test('that stops reading early is judged by its exit code alone', async () => {
    expect(await outputOf(programs, { argv: ['head', '-c', '3'], input: from(noise(5_000_000)) }, never)).toHaveLength(3);
  });

  test('keeps of what it complains the end, however much that is', async () => {
    const { length } = await programs
      .start(shell('i=0; while [ $i -lt 3000 ]; do echo "complaint $i, and a long one it is" >&2; i=$((i+1)); done; exit 1'), never)
      .ended.then(({ stderr }) => stderr);
    expect(length).toBe(32 * 1024);
  });
});
