import { describe, expect, test } from 'vitest';
import { mib } from '../../../../model/units.ts';
import type { StoreSpec } from '../../../../model/store-spec.ts';
import { decision, host, plan, service, stack, store } from '../plans.ts';

const bucket = (name: string) => ({ name, versioning: true, lifecycle: [] });
const site = (more: Partial<StoreSpec> = {}, rest: Parameters<typeof stack>[0] = {}) =>
  stack({ stores: [store('files', { engine: 'seaweedfs', ...more })], ...rest });
const flagOf = (made: ReturnType<typeof plan>, name: string): string | undefined =>
  service(made, 'files')
    .command?.find((word) => word.startsWith(`-${name}=`))
    ?.split('=')[1];

describe('SeaweedFS', () => {
  test.each([
    // (0.9 × 1 GiB − 448 MiB) / 16 MiB
    [1024, '29'],
    [8192, '432'],
  ])('of %d MiB takes %s uploads at once, and says why', (memory, uploads) => {
    const made = plan(site({ memory: mib(memory) }));
    expect(flagOf(made, 's3.concurrentFileUploadLimit')).toBe(uploads);
    expect(decision(made, 'files.s3.concurrentFileUploadLimit')).toBe(uploads);
    expect(service(made, 'files').env['GOMEMLIMIT']).toBe(`${Math.floor(memory * 0.9)}MiB`);
  });

  test('keeps to its room, and leaves each bucket files of its own', () => {
    for (const disk of [40, 400, 8000])
      for (const count of [1, 7, 40]) {
        const buckets = Array.from({ length: count }, (_, index) => bucket(`bucket-${index}`));
        const made = plan(site({ buckets }, { host: host(8, 64, disk) }));
        const room = made.disk.find(({ name }) => name === 'files')?.size ?? 0;
        const [size, most] = [Number(flagOf(made, 'master.volumeSizeLimitMB')), Number(flagOf(made, 'volume.max'))];
        // As many for the log of names as for a bucket.
        expect(most).toBeGreaterThanOrEqual(8 * (count + 1));
        // Below the smallest size there are more than fit, or a bucket could get none; else there is room for its tables, and for a file that is rewritten.
        if (size > 64) expect(size * most + size).toBeLessThanOrEqual(room);
        expect(size).toBeLessThanOrEqual(8192);
      }
  });

  test('knows its accounts from one file, in which each may enter its own buckets alone', () => {
    const made = plan(site({ buckets: [bucket('notes'), bucket('scans')] }));
    const file = made.secretFiles.find(({ name }) => name === 'files-identities');
    const text =
      file?.text.map((piece) => (typeof piece === 'string' ? piece : 'secret' in piece ? `<${piece.secret}>` : '')).join('') ?? '';
    const { identities } = JSON.parse(text) as { identities: readonly { readonly name: string; readonly actions: readonly string[] }[] };
    expect(identities.map(({ name, actions }) => [name, actions])).toEqual([
      ['berth-root', ['Admin', 'Read', 'Write', 'List', 'Tagging']],
      ['hello-app', ['notes', 'scans'].flatMap((name) => ['Read', 'Write', 'List', 'Tagging'].map((action) => `${action}:${name}`))],
    ]);
    expect(text).toContain('"accessKey": "hello-app", "secretKey": "<files-app>"');
    expect(file?.of).toEqual(['files-root', 'files-app']);
    expect(service(made, 'files').secretFiles).toEqual(['files-identities']);
  });

  test('is asked by curl before an application starts in a cluster, which shows the key to nobody', () => {
    const made = plan(site({}, { target: 'kubernetes' }));
    const gate = service(made, 'web').gates.find(({ name }) => name === 'wait-for-files');
    expect(gate).toMatchObject({
      image: 'seaweedfs',
      user: '1000:1000',
      secretEnv: { STORE_USER: ['hello-app:', { secret: 'files-app' }] },
    });
    expect(gate?.argv.at(-1)).toContain('"http://files:8333/uploads?list-type=2&max-keys=1"; } 2>&1 >/dev/null)');
    expect(gate?.argv.at(-1)).not.toContain('--user');
  });

  test('is ready when it answers, and alive while its port is open: what waits for its disk is not killed', () => {
    const { probes } = service(plan(site()), 'files');
    expect(probes).toEqual({ ready: { http: { path: '/healthz', port: 8333 } }, live: { tcp: 8333 } });
  });

  test('is reached by its own port, from applications and by the edge where it has a public name', () => {
    const made = plan(site({ publicHost: 'files.example.com' }));
    expect(service(made, 'web').env).toMatchObject({ FILES_ENDPOINT: 'http://files:8333' });
    expect(service(made, 'web').connects).toContainEqual({ service: 'files', port: 8333 });
    expect(made.edge.stores).toMatchObject([{ service: 'files', port: 8333, host: 'files.example.com' }]);
    expect(flagOf(made, 's3.allowedOrigins')).toBe('https://localhost');
  });

  test('speaks TLS alone where the site does', () => {
    const made = plan(site({}, { internalTls: true }));
    expect(flagOf(made, 's3.cert.file')).toBe('/run/secrets/files-certificate');
    expect(service(made, 'files').healthcheck?.argv.at(-1)).toBe('https://localhost:8333/healthz');
    expect(service(made, 'web').env).toMatchObject({ FILES_ENDPOINT: 'https://files:8333' });
  });

  test('leaves memory to what takes away what expires', () => {
    const rule = { ...bucket('notes'), lifecycle: [{ prefix: '', expire: 1 }] };
    const made = plan(site({ buckets: [rule], memory: mib(1024) }));
    expect(flagOf(made, 's3.concurrentFileUploadLimit')).toBe('23');
    expect(service(made, 'files').env['GOMEMLIMIT']).toBe(`${921 - 96}MiB`);
  });
});
