import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { LabSite } from './installed.ts';
import { until } from './until.ts';
import type { Answer, Visitor } from './visitor.ts';

interface Rotated<Login> {
  readonly site: LabSite;
  readonly visitor: Visitor;
  /** What the files have for the application from now on. */
  readonly current: () => Login;
  /** By a connection of its own, over the network as the application comes. */
  readonly isLetIn: (login: Login) => Promise<boolean>;
}

const isFrom =
  (slot: string) =>
  ({ status, body }: Answer): boolean =>
    status === 200 && (JSON.parse(body) as { slot: string }).slot === slot;

/**
 * Draws the password of the application's account anew while visitors write to the database, by the steps that `secrets rotate` prints for the gentle way, with
 * `berth generate` after each edit of release.yaml. No request fails, and each step lets in whom it should.
 *
 * @returns what was let in before, and what is now.
 */
export async function rotateUnderLoad<Login>({
  site,
  visitor,
  current,
  isLetIn,
}: Rotated<Login>): Promise<{ readonly old: Login; readonly drawn: Login }> {
  const old = current();
  expect(await isLetIn(old)).toBe(true);
  const said = JSON.parse(await site.berth('secrets', 'rotate', 'database-app', '--json')) as { readonly gentle: readonly string[] };
  const drawn = current();
  const areLetIn = async () => [await isLetIn(old), await isLetIn(drawn)];
  // Nothing that runs has changed yet.
  expect(await areLetIn()).toEqual([true, false]);
  const image = /WEB_BLUE_IMAGE="?([^"\n]+)/.exec(site.read('.env'))?.[1] ?? '';
  // Each of these requests writes to the database.
  const failed: string[] = [];
  const stopped = new AbortController();
  let [sent, phase] = [0, 'before'];
  const rounds = [0, 0, 0, 0];
  const writing = async (_: number, index: number) => {
    for (; !stopped.signal.aborted; rounds[index] = (rounds[index] ?? 0) + 1) {
      sent += 1;
      const answer = await visitor.ask({ path: '/api/visits' }).catch((error: unknown) => ({ status: 0, body: String(error) }));
      if (answer.status !== 200) failed.push(`${phase}: ${answer.status} ${answer.body.slice(0, 120)}`);
      // Below what the edge allows one address.
      await sleep(300);
    }
  };
  const allWriting = Promise.all(rounds.map(writing));
  const shell = (command: string | undefined) => {
    phase = command ?? '';
    return site.operator.run(['sh', '-c', command ?? 'false'], site.folder);
  };
  const release = async (blue: number, green: number): Promise<void> => {
    phase = `weights ${blue} and ${green}`;
    const slots = `    blue: { image: "${image}", weight: ${blue} }\n    green: { image: "${image}", replicas: 1, weight: ${green} }\n`;
    writeFileSync(join(site.folder, 'release.yaml'), `apiVersion: berth/v1\nservices:\n  web:\n${slots}`);
    await site.berth('generate');
  };
  /** The slot that has all the weight is the one that answers, and whatever was asked of the other one before has its answer. */
  const answers = async (slot: string) => {
    await visitor.until('/api/env', isFrom(slot));
    const before = [...rounds];
    await until(() => before.every((round, index) => (rounds[index] ?? 0) > round + 1), 'everybody has an answer');
  };
  try {
    await release(100, 0);
    await shell(said.gentle[1]);
    // The task has run, and the slot with all the traffic has the old one: whatever it opens now, it opens with that.
    for (let time = 0; time < 3; time += 1) expect(await areLetIn()).toEqual([true, true]);
    await release(0, 100);
    await answers('green');
    await shell(said.gentle[3]);
    expect(await areLetIn()).toEqual([true, true]);
    await release(100, 0);
    await answers('blue');
    expect(said.gentle.slice(5)).toEqual(['berth secrets retire database-app', 'docker compose up -d --wait']);
    const containers = async () => (await site.compose('ps', '-q', 'web-blue', 'web-green', 'database')).trim().split('\n');
    const running = await containers();
    await shell(said.gentle[5]);
    await shell(said.gentle[6]);
    // None was made anew; blue got its second replica back.
    expect(await containers()).toEqual(expect.arrayContaining(running));
    expect(await areLetIn()).toEqual([false, true]);
  } finally {
    stopped.abort();
    await allWriting;
  }
  console.info(`${sent} requests during a rotation, ${failed.length} failed`);
  expect(failed).toEqual([]);
  return { old, drawn };
}
