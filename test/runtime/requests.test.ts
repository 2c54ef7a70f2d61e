import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BerthError } from '../../model/errors.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import type { Taken } from '../../runtime/jobs/take-backup.ts';
import { askAgent, serveRequests } from '../../runtime/requests.ts';

let state: string;
let stop: AbortController;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'berth-requests-'));
  stop = new AbortController();
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const made = { outcome: 'made', manifest: { id: 'ID' } } as Taken;
const ask = (name: string, signal = new AbortController().signal) =>
  askAgent(state, { job: 'database', what: { full: 'by hand' } }, name, systemClock, signal);

describe('what is asked of the agent', () => {
  test('is done by it, one after the other, and the answer goes to who asked', async () => {
    const heard: unknown[] = [];
    let atWork = 0;
    const serving = serveRequests(
      state,
      async (request) => {
        expect((atWork += 1)).toBe(1);
        heard.push(request);
        await Promise.resolve();
        atWork -= 1;
        return made;
      },
      systemClock,
      stop.signal,
    );
    expect(await Promise.all([ask('one'), ask('two')])).toEqual([made, made]);
    expect(heard).toEqual(Array.from({ length: 2 }, () => ({ job: 'database', what: { full: 'by hand' } })));
    stop.abort();
    await serving;
    expect(readdirSync(join(state, 'requests'))).toEqual([]);
  });

  test('fails as it failed there', async () => {
    const refusal = new BerthError('unreachable', 'the server is away', 'start it');
    const failures: readonly Error[] = [refusal, new Error('a defect')];
    let at = 0;
    const serving = serveRequests(
      state,
      async () => {
        throw failures[at++] ?? refusal;
      },
      systemClock,
      stop.signal,
    );
    await expect(ask('one')).rejects.toMatchObject({ kind: 'unreachable', message: 'the server is away', hint: 'start it' });
    await expect(ask('two')).rejects.toThrow('a defect');
    stop.abort();
    await serving;
  });

  test('is taken back when who asked goes away, and nothing of an earlier agent is done', async () => {
    const gone = new AbortController();
    const asking = ask('one', gone.signal);
    gone.abort(new Error('gone'));
    await expect(asking).rejects.toThrow('gone');
    expect(readdirSync(join(state, 'requests'))).toEqual([]);
    const late = ask('two', stop.signal);
    const heard: unknown[] = [];
    const serving = serveRequests(state, async (request) => (heard.push(request), made), systemClock, stop.signal);
    stop.abort(new Error('over'));
    await serving;
    await expect(late).rejects.toThrow('over');
    expect(heard).toEqual([]);
  });
});
