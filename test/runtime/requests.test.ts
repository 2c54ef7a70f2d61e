import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BerthError } from '../../model/errors.ts';
import type { Taken } from '../../runtime/jobs/take-backup.ts';
import { askAgent, serveRequests, type Serving } from '../../runtime/requests.ts';
import { FakeClock } from './schedule/fake-clock.ts';

let state: string;
let folder: string;
let stop: AbortController;
let clock: FakeClock;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'berth-requests-'));
  folder = join(state, 'requests');
  stop = new AbortController();
  clock = new FakeClock(Date.now());
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const made = { outcome: 'made', manifest: { id: 'ID' } } as Taken;
const question = { job: 'database', what: { full: 'by hand' } } as const;
const ask = (name: string, signal = new AbortController().signal) => outcomeOf(askAgent(state, question, name, clock, signal));
const serve = (take: Serving['take'], signal = stop.signal, failed: Serving['failed'] = () => undefined) =>
  serveRequests(state, { take, clock, failed }, signal);
const takesMs =
  (milliseconds: number): Serving['take'] =>
  async (_request, signal) => {
    await clock.sleep(milliseconds, signal);
    signal.throwIfAborted();
    return made;
  };
/** What came of it so far; a failure is one that somebody waits for. */
function outcomeOf(asking: Promise<unknown>): { value: unknown; ended: boolean } {
  const outcome = { value: undefined as unknown, ended: false };
  const end = (value: unknown): void => void Object.assign(outcome, { value, ended: true });
  asking.then(end, end);
  return outcome;
}
const left = () => (existsSync(folder) ? readdirSync(folder) : []);
const minute = 60_000;

async function stopped(serving: Promise<void>): Promise<void> {
  stop.abort(new Error('the runtime is stopping'));
  await clock.pass(1);
  await serving;
}

describe('what is asked of the agent', () => {
  test('is done by it, one after the other, and the answer goes to who asked', async () => {
    const heard: unknown[] = [];
    let atWork = 0;
    const serving = serve(async (request) => {
      expect((atWork += 1)).toBe(1);
      heard.push(request);
      await turn();
      atWork -= 1;
      return made;
    });
    const both = [ask('one'), ask('two')];
    await clock.pass(5000);
    expect(both.map(({ value }) => value)).toEqual([made, made]);
    expect(heard).toEqual([question, question]);
    await stopped(serving);
    expect(left()).toEqual([]);
  });

  test('fails as it failed there', async () => {
    const failures: readonly Error[] = [new BerthError('unreachable', 'the server is away', 'start it'), new Error('a defect')];
    let at = 0;
    const serving = serve(async () => {
      throw failures[at++]!;
    });
    const one = ask('one');
    await clock.pass(2000);
    expect(one.value).toMatchObject({ kind: 'unreachable', message: 'the server is away', hint: 'start it' });
    const two = ask('two');
    await clock.pass(2000);
    expect(two.value).toEqual(new Error('a defect'));
    await stopped(serving);
  });

  test('is waited for as long as the agent is at work for another, and no longer than a minute where it is not there', async () => {
    const serving = serve(takesMs(20 * minute));
    const [one, two] = [ask('one'), ask('two')];
    await clock.pass(30 * minute);
    expect([one, two]).toMatchObject([{ value: made }, { ended: false }]);
    await clock.pass(11 * minute);
    expect(two.value).toEqual(made);
    await stopped(serving);
    const nobody = ask('three');
    await clock.pass(59_000);
    expect(nobody.ended).toBe(false);
    await clock.pass(2000);
    expect(nobody.value).toMatchObject({ kind: 'locked', message: 'the agent takes up nothing' });
    expect(left()).toEqual([]);
  });

  test('is passed over where who asked gave up meanwhile, and the agent goes on', async () => {
    const [heard, told]: [unknown[], unknown[]] = [[], []];
    const gone = new AbortController();
    const take: Serving['take'] = async (request, signal) => (heard.push(request), takesMs(5 * minute)(request, signal));
    const serving = serve(take, stop.signal, (error) => told.push(error));
    const [one, two] = [ask('one'), ask('two', gone.signal)];
    await clock.pass(minute);
    gone.abort(new Error('gone'));
    await clock.pass(10 * minute);
    expect([one.value, two.value]).toEqual([made, new Error('gone')]);
    const three = ask('three');
    await clock.pass(10 * minute);
    expect(three.value).toEqual(made);
    expect(heard).toHaveLength(2);
    expect(told).toEqual([]);
    await stopped(serving);
    expect(left()).toEqual([]);
  });

  test('leaves nothing behind where who asked gave up while it was done', async () => {
    const gone = new AbortController();
    const serving = serve(takesMs(5 * minute));
    ask('one', gone.signal);
    await clock.pass(minute);
    gone.abort(new Error('gone'));
    await clock.pass(10 * minute);
    expect(left()).toEqual([]);
    await stopped(serving);
  });

  test('is not done for one who died and took nothing back', async () => {
    mkdirSync(folder);
    const path = join(folder, 'one.request');
    writeFileSync(path, JSON.stringify(question));
    utimesSync(path, clock.now(), new Date(clock.now().getTime() - 2 * minute));
    const heard: unknown[] = [];
    const serving = serve(async (request) => (heard.push(request), made));
    await clock.pass(5 * minute);
    expect(heard).toEqual([]);
    await stopped(serving);
  });

  test('is told to have been broken off, to who asked, when the agent is stopped in the middle of it; what waits is done by the next', async () => {
    const serving = serve(takesMs(20 * minute));
    const [one, two] = [ask('one'), ask('two')];
    await clock.pass(minute);
    await stopped(serving);
    // At once: the answer was not read yet.
    expect(left()).toEqual(['one.answer', 'two.request']);
    void serve(takesMs(1000), new AbortController().signal);
    await clock.pass(5000);
    expect(one.value).toMatchObject({ kind: 'interrupted', message: 'the agent was stopped or began anew before this was done' });
    expect(two.value).toEqual(made);
  });

  test.each([
    ['is told to have been broken off when the agent died in the middle of it and there is another', true, 'interrupted'],
    ['fails within a minute when the agent died in the middle of it and no other comes', false, 'locked'],
  ])('%s', async (_, another, kind) => {
    const one = ask('one');
    renameSync(join(folder, 'one.request'), join(folder, 'one.taken'));
    await clock.pass(30_000);
    expect(one.ended).toBe(false);
    const heard: unknown[] = [];
    const serving = another ? serve(async (request) => (heard.push(request), made)) : Promise.resolve();
    await clock.pass(31_000);
    expect(one.value).toMatchObject({ kind });
    expect(heard).toEqual([]);
    await stopped(serving);
  });

  test('fails when nothing of it is there any more', async () => {
    const one = ask('one');
    rmSync(join(folder, 'one.request'));
    await clock.pass(1000);
    expect(one.value).toMatchObject({ kind: 'interrupted' });
  });

  test('is forgotten after a day, and not before', async () => {
    mkdirSync(folder);
    const lies = (file: string, hours: number): void => {
      writeFileSync(join(folder, file), '{}');
      utimesSync(join(folder, file), clock.now(), new Date(clock.now().getTime() - hours * 60 * minute));
    };
    for (const station of ['request', 'taken', 'answer', 'answer.new']) lies(`old.${station}`, 25);
    lies('young.answer', 23);
    await stopped(serve(takesMs(0)));
    expect(left()).toEqual(['young.answer']);
  });

  test('ends the agent by nothing that is wrong with the folder, which is told of once', async () => {
    const told: unknown[] = [];
    writeFileSync(folder, 'no folder');
    const serving = serve(takesMs(0), stop.signal, (error) => told.push(error));
    await clock.pass(minute);
    expect(told).toMatchObject([{ code: 'EEXIST' }]);
    rmSync(folder);
    await clock.pass(1000);
    const one = ask('one');
    await clock.pass(5000);
    expect(one.value).toEqual(made);
    await stopped(serving);
  });
});
