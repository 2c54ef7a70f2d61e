import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../model/secret.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { S3Bucket } from '../../runtime/stores/s3/s3-bucket.ts';
import { parts } from '../contract/store.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { noise } from '../runtime/streams/bytes.ts';
import { farAway } from '../program/far-away.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';

const [http, https] = [38_095, 38_495];
const site = 'labbuckets';
const none = { headers: {}, tags: {} };

interface Made {
  readonly backups: readonly { readonly outcome: string; readonly madeAt: string }[];
}
interface Restored {
  readonly missing: number;
  readonly different: number;
  readonly same: number;
  readonly others: number;
  readonly before: string | null;
}

describe('a bucket of a site', () => {
  let operator: Operator;
  let lab: LabSite;
  let address: string;
  const as = (account: string): S3Bucket =>
    new S3Bucket({
      endpoint: new URL(`http://${address}:9000`),
      bucket: 'notes',
      region: 'us-east-1',
      pathStyle: true,
      credentials: async () => ({
        accessKeyId: `${site}-${account}`,
        secretAccessKey: new Secret(lab.read(`secrets/files-${account}`).trim()),
      }),
      clock: systemClock,
      random: Math.random,
      idleMs: 10_000,
      patienceMs: 5000,
    });
  const put = (key: string, body: Uint8Array) => as('app').write(key, parts(body), none, never);
  const everything = async (): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>();
    for await (const { key, etag } of as('app').list('', never)) found.set(key, etag);
    return found;
  };
  const copy = async (): Promise<Made['backups'][0] | undefined> =>
    (JSON.parse(await lab.berth('backup', 'now', 'notes', '--json')) as Made).backups[0];
  const restore = (...how: readonly string[]) => ['restore', '--only', 'bucket', ...how];
  const restored = async (...how: readonly string[]): Promise<Restored> =>
    JSON.parse(await lab.berth(...restore(...how, '--json'))) as Restored;

  beforeAll(async () => {
    operator = await Operator.create();
    lab = await LabSite.create(operator, site);
    const store = await operator.makeFolder('backups');
    const own = await operator.ids();
    const buckets = `backups.buckets={ schedule: "${farAway()}", prove: "${farAway()}" }`;
    const sets = [
      `edge.http=${http}`,
      `edge.https=${https}`,
      `backups.folder=${store}`,
      `backups.user="${own}"`,
      'backups.databases=none',
      buckets,
    ];
    await operator.run(['berth', 'init', site, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set])], operator.home);
    await lab.prepareBackups();
    // What it takes, and no application.
    await lab.compose('up', '-d', '--wait', 'files', 'agent-files');
    address = (await run(['docker', 'inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}', `${site}-files-1`]))
      .trim()
      .split(' ')[0] as string;
  });
  afterAll(async () => {
    await lab?.remove();
    operator?.[Symbol.dispose]();
  });

  test('is put back to a time as it was, in its place and as files, and the restore can be undone', async () => {
    for (let index = 0; index < 40; index += 1) await put(`räksmörgås/${index}`, noise(3000, index + 1));
    await as('app').write(
      'invoice.pdf',
      parts(noise(9000, 77)),
      { headers: { 'content-type': 'application/pdf' }, tags: { kept: 'for ever' } },
      never,
    );
    const then = await everything();
    const first = await copy();
    expect(first?.outcome).toBe('made');
    expect((await copy())?.outcome).toBe('unchanged');

    await put('räksmörgås/1', noise(100, 5));
    await put('later', noise(100, 6));
    await as('app').delete('invoice.pdf', never);
    const after = await everything();
    expect((await copy())?.outcome).toBe('made');
    expect(await lab.berth('backup', 'list')).toMatch(
      /files\.notes +restorable to \S+ \(\d+ (?:s|min) ago\), and one point before it since \S+/,
    );

    const at = ['--at', first?.madeAt ?? ''];
    expect(await restored(...at, '--into', 'live', '--dry-run')).toMatchObject({ missing: 1, different: 1, same: 39, others: 1 });
    const refused = await operator.attempt(['berth', ...restore(...at, '--into', 'live')], lab.folder);
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('run the same command with --yes') as string });
    expect(refused.stdout).toContain('puts back  1 object that is missing and 1 that changed');
    expect(await everything()).toEqual(after);

    // By the key of a recipient, as on another host, and then by that of the agent.
    const key = ['--key', `../usb/${site}-operator.key`];
    const done = await restored(...at, '--into', 'live', '--exact', '--yes', ...key);
    expect(await everything()).toEqual(then);
    const invoice = await as('app').open('invoice.pdf', undefined, never);
    expect(invoice).toMatchObject({ headers: { 'content-type': 'application/pdf' }, tags: { kept: 'for ever' } });
    if (typeof invoice !== 'string') invoice.close();
    await restored('--at', done.before ?? '', '--into', 'live', '--exact', '--yes');
    expect(await everything()).toEqual(after);

    await lab.berth(...restore(...at, '--prefix', 'räksmörgås/', '--into', '../objects', ...key));
    for (const index of [0, 1, 39])
      expect(readFileSync(join(operator.home, `objects/räksmörgås/${index}`)).equals(noise(3000, index + 1))).toBe(true);
    const full = await operator.attempt(['berth', ...restore(...at, '--into', '../objects', ...key)], lab.folder);
    expect(full).toMatchObject({ code: 5, stderr: expect.stringContaining('is not empty') as string });
  });

  test('is proven, compared and pruned by its agent', async () => {
    expect(await lab.berth('backup', 'verify', '--restore')).toContain('level 3');
    expect(await lab.berth('backup', 'list')).toMatch(/files\.notes .* 3 /);
    expect(await lab.berth('backup', 'verify')).toContain('as signed');
    expect(await lab.berth('backup', 'prune', '--dry-run')).toMatch(/files\.notes\n +keep/);
  });

  test('is read by an account that may do nothing else, with another password once it is drawn anew, and none when nobody copies', async () => {
    const reader = as('backup');
    for await (const { key } of reader.list('', never)) expect(typeof key).toBe('string');
    await expect(reader.write('own', parts(noise(10, 1)), none, never)).rejects.toMatchObject({ kind: expect.any(String) as string });
    await expect(reader.delete('later', never)).rejects.toMatchObject({ kind: expect.any(String) as string });

    await lab.berth('secrets', 'rotate', 'files-backup');
    await lab.compose('up', '-d', '--wait', 'files', 'agent-files');
    await put('later', noise(100, 9));
    expect((await copy())?.outcome).toBe('made');

    const before = lab.read('berth.yaml');
    lab.edit('berth.yaml', (text) => text.replace(/^ {2}buckets:(?: .*)?\n(?: {4}.*\n)*/m, '  buckets: none\n'));
    await lab.berth('generate');
    await lab.compose('run', '--rm', '--no-deps', 'files-buckets');
    expect((await everything()).size).toBeGreaterThan(0);
    await expect(reader.list('', never).next()).rejects.toMatchObject({ kind: expect.any(String) as string });
    // So that nothing of it stays behind.
    lab.edit('berth.yaml', () => before);
    await lab.berth('generate');
  });
});
