import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { beginBucket, beginFolder, composeFiles, readingSecond } from '../../../cli/restore/second-place.ts';
import type { FoundRuntime } from '../../../cli/runtime-config.ts';
import { Secret } from '../../../model/secret.ts';
import type { BackupsConfig } from '../../../model/runtime-config.ts';
import { type TemporarySite, temporarySite } from '../../generator/io/site-fixture.ts';
import { bigHost, context, helloPlan } from '../../generator/render/hello.ts';
import { s3StandIn } from '../../runtime/stores/s3-stand-in.ts';

const bucket = { endpoint: 'https://s3.branch.example', name: 'hello-offsite', accessKey: 'second' };
const planWith = (backups: object) =>
  helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set: { backups: { ...backups, image: 'postgres:17' } } });
const inFolder = planWith({ folder: '/srv/backups' });
const inBucket = planWith({ bucket });

interface Override {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly volumes: readonly { readonly source?: string; readonly target: string; readonly type: string }[];
        readonly networks?: readonly string[];
      }
    >
  >;
  readonly networks?: object;
}

describe('the agents of a site that is restored from the second place', () => {
  let site: TemporarySite;

  beforeEach(() => {
    site = temporarySite();
    for (const path of ['.berth', 'secrets/offsite']) mkdirSync(join(site.path, path), { recursive: true });
    writeFileSync(join(site.path, 'secrets/offsite/offsite.key'), 'hidden');
    writeFileSync(join(site.path, 'ca.pem'), 'authority');
    writeFileSync(join(site.path, 'compose.yaml'), '{}');
  });
  afterEach(() => site[Symbol.dispose]());

  /** What Compose and the agent of PostgreSQL are given meanwhile. */
  const reading = async (plan: typeof inFolder, store: BackupsConfig['store']) => {
    for (const { service, config } of plan.agents) {
      mkdirSync(join(site.path, 'config', service), { recursive: true });
      writeFileSync(join(site.path, 'config', service, 'runtime.yaml'), JSON.stringify(config));
    }
    const config = { ...plan.runtime, backups: { ...plan.runtime.backups, store } } as FoundRuntime['config'];
    return readingSecond(site.path, plan, { config, folder: site.path }, { ...context, env: {} } as never, async ({ env }) => {
      expect(env['COMPOSE_FILE']?.split(env['COMPOSE_PATH_SEPARATOR'] ?? '')).toEqual(composeFiles(site.path));
      const override = JSON.parse(readFileSync(join(site.path, '.berth/offsite.json'), 'utf8')) as Override;
      const service = override.services['agent-postgres'];
      const own = service?.volumes.find(({ target }) => target === '/etc/berth/agent')?.source ?? '';
      const read = (file: string): string => readFileSync(join(own, file), 'utf8');
      const { backups } = JSON.parse(read('runtime.yaml')) as { readonly backups: BackupsConfig };
      const files = ['store.key', 'store.pem'].filter((file) => existsSync(join(own, file))).map(read);
      const modeOf = (path: string): number => statSync(path).mode & 0o777;
      const modes = [join(site.path, '.berth/offsite'), own, join(own, 'runtime.yaml')].map(modeOf);
      return { override, service, backups, files, modes };
    });
  };

  test('find its folder where the first one was, so that nothing of that has to be there', async () => {
    const { service, backups } = await reading(inFolder, { tier: 1, folder: '/mnt/offsite', lease: 'file' });
    expect(backups.store).toMatchObject({ folder: '/srv/backups' });
    expect(service?.volumes).toContainEqual(expect.objectContaining({ source: '/mnt/offsite', target: '/srv/backups', read_only: true }));
    expect(service?.networks).toBeUndefined();
  });

  test('reach a bucket by a network that leads out, with its key where nobody else on the host gets to, and no folder of the first one', async () => {
    const second = { ...bucket, secretKey: 'secrets/offsite/offsite.key', ca: 'ca.pem', region: 'us-east-1', addressing: 'path' } as const;
    const { override, service, backups, files, modes } = await reading(inFolder, { tier: 2, bucket: second, lease: 'store' });
    expect(backups.store.bucket).toMatchObject({
      name: 'hello-offsite',
      secretKey: '/etc/berth/agent/store.key',
      ca: '/etc/berth/agent/store.pem',
    });
    expect([files, modes[0]]).toEqual([['hidden', 'authority'], 0o700]);
    expect(service?.networks).toEqual(['egress']);
    expect(override.networks).toEqual({ egress: {} });
    expect(service?.volumes).toContainEqual({ type: 'tmpfs', target: '/srv/backups' });
    expect(JSON.stringify(override)).not.toContain('hidden');
  });

  test('read what is theirs whoever they run as, whatever the umask, and nobody else on the host does', async () => {
    const umask = process.umask(0o077);
    try {
      const { modes } = await reading(inFolder, { tier: 1, folder: '/mnt/offsite', lease: 'file' });
      expect(modes).toEqual([0o700, 0o755, 0o644]);
    } finally {
      process.umask(umask);
    }
  });

  test('that copied to a bucket find a folder under its own name', async () => {
    const { override, backups, service } = await reading(inBucket, { tier: 1, folder: '/mnt/offsite', lease: 'file' });
    expect(backups.store).toEqual({ tier: 1, folder: '/mnt/offsite', lease: 'file' });
    expect(service?.volumes).toContainEqual(expect.objectContaining({ source: '/mnt/offsite', target: '/mnt/offsite' }));
    expect(override.networks).toBeUndefined();
  });

  test('have nothing of it left when that is done, or fails', async () => {
    await reading(inFolder, { tier: 1, folder: '/mnt/offsite', lease: 'file' });
    const from = { config: { ...inFolder.runtime } as FoundRuntime['config'], folder: site.path };
    const failing = readingSecond(site.path, inFolder, from, { ...context, env: {} } as never, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(['.berth/offsite', '.berth/offsite.json'].filter((path) => existsSync(join(site.path, path)))).toEqual([]);
  });
});

describe('the first place of a site that came back from the second', () => {
  let site: TemporarySite;
  let said: string;
  const at = (...path: readonly string[]): string => join(site.path, ...path);
  const here = () => ({ ...context, root: at('program'), err: (text: string) => void (said += text.replaceAll(/\s+/g, ' ')) }) as never;
  const never = new AbortController().signal;
  const isStore = (folder: string): boolean => ['.berth-store', 'RESTORE.md'].every((file) => existsSync(join(folder, file)));

  beforeEach(() => {
    site = temporarySite();
    said = '';
    mkdirSync(at('shop'));
    mkdirSync(at('program/dist'), { recursive: true });
    for (const file of ['RESTORE.md', 'restore.mjs']) writeFileSync(at('program/dist', file), file);
  });
  afterEach(() => site[Symbol.dispose]());
  const firstIs = (store: BackupsConfig['store']): void =>
    writeFileSync(at('shop/runtime.yaml'), JSON.stringify({ ...inFolder.runtime, backups: { ...inFolder.runtime.backups, store } }));
  const begin = (folder: string): Promise<void> => {
    firstIs({ tier: 1, folder, lease: 'file' });
    return beginFolder(at('shop'), 'all of it is back', here(), never);
  };

  test('is begun anew where its folder is gone, and where an empty disk lies in its place, which is said', async () => {
    await begin(at('gone'));
    expect([isStore(at('gone')), said]).toEqual([true, '']);
    mkdirSync(at('empty/lost+found'), { recursive: true });
    await begin(at('empty'));
    expect(isStore(at('empty'))).toBe(true);
    expect(said).toContain(`${at('empty')} was no store, and backups begin anew there: see that it is the disk that it should be`);
  });

  test('is left as it is where it is a store', async () => {
    mkdirSync(at('store'));
    writeFileSync(at('store/.berth-store'), 'as it was');
    await begin(at('store'));
    expect([existsSync(at('store/RESTORE.md')), said]).toEqual([false, '']);
  });

  test('that cannot be made is told, with what stands and what to do', async () => {
    writeFileSync(at('file'), '');
    await expect(begin(at('file/below'))).rejects.toMatchObject({
      kind: 'unfinished',
      message: expect.stringContaining(
        `all of it is back, and ${at('file/below')}, the first place of its backups, could not be begun anew`,
      ),
      hint: expect.stringContaining(`sudo berth backup store create --site ${at('shop')}`),
    });
  });

  test('is a bucket that is seen to once everything runs, and told of where it cannot be used', async () => {
    await using s3 = await s3StandIn({ accessKeyId: 'first', secretAccessKey: new Secret('hidden') });
    const first = { endpoint: s3.endpoint.href, name: 'backups', accessKey: 'first', secretKey: 'store.key' };
    firstIs({ tier: 2, bucket: { ...first, region: 'us-east-1', addressing: 'path' }, lease: 'store' });
    writeFileSync(at('shop/store.key'), 'another');
    await beginFolder(at('shop'), 'all of it is back', here(), never);
    await beginBucket(at('shop'), here(), never);
    expect(said).toContain(`bucket backups at ${s3.endpoint.href}, the first place of its backups, cannot be used: `);
    expect(said).toContain(`\`berth backup store create --site ${at('shop')}\` begins it anew`);
    expect(s3.objects.size).toBe(0);
    said = '';
    writeFileSync(at('shop/store.key'), 'hidden');
    await beginBucket(at('shop'), here(), never);
    expect(said).toBe('');
    expect([...s3.objects.keys()].some((key) => key.endsWith('RESTORE.md'))).toBe(true);
  });
});
