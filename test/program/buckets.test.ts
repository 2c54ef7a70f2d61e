import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../model/backup/manifest.ts';
import { recordFinding } from '../../runtime/jobs/verifications.ts';
import type { CopyTools } from '../../runtime/jobs/bucket/survey.ts';
import { contentsOf } from '../../runtime/jobs/bucket/listing.ts';
import { copyBucket } from '../../runtime/jobs/bucket/copy-bucket.ts';
import { readRecipients } from '../../runtime/keys/read-keys.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { copyTools } from '../runtime/jobs/bucket/bucket-world.ts';
import { memoryBucket } from '../runtime/jobs/bucket/memory-bucket.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { FakeClock } from '../runtime/schedule/fake-clock.ts';
import { noise } from '../runtime/streams/bytes.ts';
import { expectExit, host } from './berth.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-buckets-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, store, offsite, kit] = [at('shop'), at('store'), at('offsite'), at('kit')];
const here = ['--site', site] as const;
const backup = async (...args: readonly string[]) => (await expectExit(0, ['backup', ...args, ...here])).stdout;
const restore = (...args: readonly string[]) => ['restore', '--only', 'bucket', ...args];
const key = ['--key', at('usb/shop-operator.key')];

let points: readonly Manifest[];
let world: CopyTools;

/** What the agent of the site makes, made here: it reaches a bucket that no test has. */
async function makePoints(): Promise<readonly Manifest[]> {
  const clock = new FakeClock('2026-03-01T01:00:00Z');
  const bucket = memoryBucket(clock.now);
  const privateKey = createPrivateKey(readFileSync(join(site, 'secrets/backup/signer.key')));
  const files = await openFolderStore(store, { mode: 'open', files: realFiles, random: () => randomBytes(8).toString('hex') });
  const tools = copyTools(files, bucket, {
    clock,
    place: { site: 'shop', source: 'files.notes' },
    signer: { privateKey, publicKey: createPublicKey(privateKey) },
    trusted: [createPublicKey(privateKey)],
    identity: createPrivateKey(readFileSync(at('usb/shop-operator.key'))),
    recipients: () => readRecipients(join(site, 'backup/recipients')),
  });
  world = tools;
  const made: Manifest[] = [];
  for (const day of [1, 2, 3]) {
    clock.set(Date.UTC(2026, 2, day, 1));
    bucket.put(`in/${day}`, noise(3000, day));
    bucket.put('changes', `as on day ${day}`);
    made.push((await copyBucket({ due: null, label: null }, tools, never)).manifest);
  }
  return made;
}

beforeAll(async () => {
  const places = `backups={ folder: ${store}, databases: none, offsite: { folder: ${offsite} } }`;
  await expectExit(0, ['init', site, '--profile', 'minimum', '--set', 'name=shop', '--set', places, ...host]);
  await backup('store', 'create');
  await backup('keys', 'create', '--into', at('usb'));
  await expectExit(0, ['kit', 'export', '--into', kit, ...here]);
  points = await makePoints();
});

describe('a bucket in the backups', () => {
  test('is listed by its points in time, with what they hold, and without the contents that they share', async () => {
    const said = await backup('list');
    expect(said.match(/files\.notes +[0-9A-Z]{26}/g)).toHaveLength(3);
    expect(said).toMatch(/4 objects, [\d.]+ \wB new/);
    expect(said).toMatch(
      /files\.notes +restorable to 2026-03-03T01:00:\S+ \(\d+ days ago\), and 2 points before it since 2026-03-01T01:00/,
    );
    const id = points[2]?.id ?? '';
    expect(await backup('show', id)).toMatch(/objects +4\n[\s\S]*contents +in \d+ archives/);
    expect(await backup('verify')).toMatch(/backups are as signed/);
  });

  test('comes back as files of this host as it was at a time, by the key of a recipient or by the kit', async () => {
    const time = ['--at', '2026-03-02T12:00Z', '--into', at('second')];
    const planned = (await expectExit(0, [...restore(...time, '--dry-run', ...key), ...here])).stdout;
    expect(planned).toMatch(/3 objects, [\d.]+ \wB, would be files in/);
    expect((await expectExit(2, [...restore(...time), ...here])).stderr).toContain('--key FILE');
    await expectExit(0, [...restore(...time, ...key), ...here]);
    expect(readFileSync(at('second/changes'), 'utf8')).toBe('as on day 2');
    expect(readFileSync(at('second/in/2')).equals(noise(3000, 2))).toBe(true);
    expect(statSync(at('second/in/2')).mtime).toEqual(new Date('2026-03-02T01:00:00Z'));
    expect(statSync(at('second/in/3'), { throwIfNoEntry: false })).toBeUndefined();
    // Nothing of the site is there but the kit.
    const fromKit = restore('--latest', '--prefix', 'in/', '--into', at('latest'), '--json');
    expect(JSON.parse((await expectExit(0, [...fromKit, '--site', kit])).stdout)).toMatchObject({
      bucket: 'files.notes',
      missing: 3,
      bytes: 9000,
    });
    const again = await expectExit(5, [...restore(...time, ...key), ...here]);
    expect(again.stderr).toMatch(/is not empty; nothing was written/);
    await expectExit(0, [...restore(...time, ...key, '--yes'), ...here]);
  });

  test.each([
    ['a bucket that is not there', ['--latest', '--name', 'other', '--into', 'x'], 2, /there is no bucket other[\s\S]*files\.notes/],
    ['a time before the first point', ['--at', '2026-02-01T00:00Z', '--into', 'x'], 2, /the oldest is of 2026-03-01T01:00/],
    ['a transaction', ['--before', '23', '--into', 'x'], 2, /only a database knows transactions/],
    ['a try', ['--latest', '--into', 'scratch'], 2, /berth backup verify --restore/],
    ['what came later, of a folder', ['--latest', '--exact', '--into', 'x'], 2, /a folder has nothing that came later/],
    ['a place that is none', ['--latest', '--into', '/dev/null/x'], 6, /name a folder that you may write to/],
    ['its place from the second store', ['--latest', '--from', 'offsite', '--into', 'live'], 2, /berth backup copy --from offsite/],
  ])('%s is refused', async (_, args, code, says) => {
    expect((await expectExit(code, [...restore(...args), ...key, ...here], { cwd: home })).stderr).toMatch(says);
    expect(statSync(at('x'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('has words that mean nothing for anything else', async () => {
    expect((await expectExit(2, ['restore', '--latest', '--prefix', 'a', '--into', at('x'), ...here])).stderr).toContain('--only bucket');
  });

  test('says that its agent does not run, where it is asked for something that only that one can do', async () => {
    expect((await expectExit(8, ['backup', 'now', 'notes', ...here], { env: { PATH: '/nowhere' } })).stderr).toMatch(/agent-files|docker/);
  });

  test('is copied in an image of the operator where the site has no database that Berth runs in, and that image is carried with the others', async () => {
    const [other, image] = [at('other'), 'registry.corp.example/base:1'];
    const sets = ['databases.database.engine=mongodb', `backups={ folder: ${store}, image: "${image}" }`];
    await expectExit(0, ['init', other, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set]), ...host]);
    const images = JSON.parse((await expectExit(0, ['images', '--json', '--site', other])).stdout) as readonly object[];
    expect(images).toContainEqual(expect.objectContaining({ reference: image, status: 'yours', usedBy: ['agent-files'] }));
    expect(readFileSync(join(other, 'compose.yaml'), 'utf8')).toContain(`image: "${image}"`);
    expect(statSync(join(other, '.berth/bin/node')).isFile()).toBe(true);
  });

  test('is asked for what was removed of it, though another agent knows nothing of that', async () => {
    const [both, bin] = [at('both'), at('bin')];
    await expectExit(0, ['init', both, '--profile', 'minimum', '--set', `backups.folder=${store}`, ...host]);
    mkdirSync(bin);
    const answers = `*agent-files*) echo '{"source":"files.notes"}' ;; *) echo '{"error":{"kind":"usage","message":"no","hint":"none"}}'; exit 2 ;;`;
    writeFileSync(join(bin, 'docker'), `#!/bin/sh\ncase "$*" in ${answers} esac\n`, { mode: 0o755 });
    const undone = await expectExit(0, ['backup', 'prune', '--undo', '01KXYZ', '--site', both], { env: { PATH: `${bin}:/bin:/usr/bin` } });
    expect(undone.stdout).toContain('files.notes 01KXYZ is a backup again');
  });

  test('is copied to the second place with all that it needs, and restored and pruned there', async () => {
    expect(await backup('copy')).toMatch(/files\.notes +\d+ backups/);
    expect(await backup('verify', '--from', 'offsite')).toContain('as signed');
    await expectExit(0, [...restore('--latest', '--from', 'offsite', '--into', at('from-second'), ...key), ...here]);
    expect(readFileSync(at('from-second/changes'), 'utf8')).toBe('as on day 3');
    expect(await backup('prune', '--dry-run', '--from', 'offsite')).toMatch(/files\.notes\n +keep/);
    expect(await backup('prune', '--from', 'offsite')).toMatch(/files\.notes/);
    expect((await backup('list', '--from', 'offsite')).match(/files\.notes +[0-9A-Z]{26}/g)).toHaveLength(3);
  });

  test('comes with all of its site, where that is restored with its data', async () => {
    await backup('now', 'configuration', 'secrets');
    const whole = ['restore', '--latest', '--with-data', '--dry-run', '--into', at('whole'), '--site', kit];
    expect((await expectExit(0, whole)).stdout).toMatch(/files\.notes +[0-9A-Z]{26} +4 objects +as it was at 2026-03-03/);
    expect(JSON.parse((await expectExit(0, [...whole, '--json'])).stdout)).toMatchObject({ buckets: [{ bucket: 'files.notes' }] });
  });

  test('is not restored from a point of which something was found to be broken; the one before it is named', async () => {
    // Contents that no other point needs.
    const others = points.slice(0, 2).flatMap((point) => contentsOf(point).map(({ id }) => id));
    const alone = contentsOf(points[2] as Manifest).find(({ id }) => !others.includes(id));
    await recordFinding(world.place, { backups: [alone?.id ?? ''], level: 1, result: 'broken', detail: ['a byte'] }, world, never);
    const refused = await expectExit(13, [...restore('--latest', '--into', at('never')), ...key, ...here]);
    expect(refused.stderr).toContain(`write --at ${points[1]?.finishedAt ?? ''}`);
    const said = await backup('list');
    expect(said).toMatch(/files\.notes .* broken /);
    expect(said).toMatch(/restorable to 2026-03-02T01:00/);
  });
});
