import { describe, expect, test } from 'vitest';
import { rotationOf } from '../../../../generator/plan/rotation.ts';
import type { Plan } from '../../../../model/plan.ts';
import { runtimeConfig } from '../../../../model/runtime-config.ts';
import { helloPlan, smallHost } from '../../render/hello.ts';

const inFolder = { folder: '/srv/backups' };
const bucket = { endpoint: 'https://s3.example', name: 'shop-backups', accessKey: 'shop' };
const planOf = (backups: object, more: object = {}, target: 'compose' | 'kubernetes' = 'compose'): Plan =>
  helloPlan({ target, profile: 'minimum', host: smallHost, set: { backups, ...more } });
const agentOf = (plan: Plan) => plan.services.find(({ name }) => name === 'agent-files');
const jobsOf = (plan: Plan) => plan.agents.find(({ service }) => service === 'agent-files')?.config.backups?.jobs ?? [];
const taskOf = (plan: Plan) => plan.services.find(({ name }) => name === 'files-buckets');
const notesOf = (plan: Plan): string => plan.notes.join('\n');
const withoutDatabase = { 'databases.database.engine': 'mongodb' };
const elsewhere = { 'stores.archive': { engine: 'minio', external: { host: 's3.corp.example', accessKey: 'shop' }, buckets: { old: {} } } };

describe('the agent of buckets', () => {
  test('stands where there are backups, a bucket, and an image in which Berth runs, and nowhere else', () => {
    expect(agentOf(planOf(inFolder))).toMatchObject({ image: 'postgres', user: '999:999', role: 'agent' });
    expect(agentOf(planOf(inFolder, { 'databases.database.engine': 'mariadb' }))?.image).toBe('mariadb');
    expect(agentOf(planOf({ ...inFolder, buckets: 'none' }))).toBeUndefined();
    expect(agentOf(helloPlan({ target: 'compose', profile: 'minimum', host: smallHost }))).toBeUndefined();
    // Databases are another matter.
    expect(agentOf(planOf({ ...inFolder, databases: 'none' }))).toBeDefined();
  });

  test('stands in a cluster as well, where pods reach the store of the backups, and the plan names what it does not copy there', () => {
    const inCluster = planOf({ bucket }, {}, 'kubernetes');
    expect(agentOf(inCluster)).toMatchObject({ image: 'postgres', user: '999:999', gates: [{ name: 'berth' }] });
    expect(jobsOf(inCluster).map(({ name }) => name)).toEqual(['files.notes']);
    expect(notesOf(inCluster)).not.toContain('files (objects)');
    const folder = planOf({ ...inFolder, databases: 'none' }, {}, 'kubernetes');
    expect(agentOf(folder)).toBeUndefined();
    expect(notesOf(folder)).toMatch(/files \(objects\)[^]*no pod reaches \/srv\/backups/);
  });

  test('reads a bucket that stands elsewhere from a cluster as well, at its address and with the keys that were supplied for it', () => {
    const plan = planOf({ bucket }, elsewhere, 'kubernetes');
    expect(jobsOf(plan).map(({ name }) => name)).toEqual(['files.notes', 'archive.old']);
    expect(agentOf(plan)).toMatchObject({
      secretFiles: ['files-backup', 'archive-app'],
      outside: [
        { host: 's3.example', port: 443 },
        { host: 's3.corp.example', port: 443 },
      ],
    });
  });

  test('stands in an image of the operator where the site has none, and the plan says what to write', () => {
    const plan = planOf(inFolder, withoutDatabase);
    expect(agentOf(plan)).toBeUndefined();
    expect(notesOf(plan)).toMatch(/files\.notes: not copied, .* under backups\.image, such as docker\.io\/library\/debian:trixie-slim/);
    expect(notesOf(plan)).toContain('files (objects)');
    const named = planOf({ ...inFolder, image: 'registry.corp.example/base:1' }, withoutDatabase);
    expect(agentOf(named)).toMatchObject({ image: 'registry.corp.example/base:1', user: '999:999' });
    expect(agentOf(named)?.tmpfs.map(({ path }) => path)).toEqual(['/tmp']);
    expect(notesOf(named)).not.toMatch(/files\.notes|files \(objects\)/);
    expect(named.images.map(({ key }) => key)).not.toContain('registry.corp.example/base:1');
  });

  test('copies all buckets, or those that are named; the plan names the others', () => {
    const more = { 'stores.files.buckets': { notes: {}, tmp: {} } };
    const names = (backups: object) => jobsOf(planOf(backups, more)).map(({ name }) => name);
    expect(names(inFolder)).toEqual(['files.notes', 'files.tmp']);
    const some = { ...inFolder, buckets: { names: ['files.notes'] } };
    expect(names(some)).toEqual(['files.notes']);
    expect(notesOf(planOf(some, more))).toContain('files.tmp (objects)');
    expect(planOf(some, more).stores[0]?.backup).toEqual({ account: 'hello-backup', buckets: ['notes'] });
  });

  test('reads by an account of its own, which the task of the store makes, and takes away when nobody copies any more', () => {
    const plan = planOf(inFolder);
    expect(agentOf(plan)?.secretFiles).toEqual(['files-backup']);
    expect(taskOf(plan)?.secretFiles).toEqual(['files-root', 'files-app', 'files-backup']);
    expect(plan.secrets.find(({ name }) => name === 'files-backup')?.purpose).toBe('account hello-backup of files, for its backups');
    expect(agentOf(plan)).toMatchObject({
      connects: [{ service: 'files', port: 9000 }],
      networks: ['data'],
      after: [{ service: 'files-buckets', condition: 'service_completed_successfully' }],
    });
    const without = planOf({ ...inFolder, buckets: 'none' });
    expect(taskOf(without)?.secretFiles).toEqual(['files-root', 'files-app']);
    expect(without.secrets.map(({ name }) => name)).not.toContain('files-backup');
    expect(rotationOf(plan, 'files-backup')).toMatchObject({ possible: true, short: ['docker compose up -d --wait'] });
  });

  test('knows nobody who may write: the site does, for a restore', () => {
    const plan = planOf(inFolder);
    const read = {
      endpoint: 'http://files:9000',
      name: 'notes',
      accessKey: 'hello-backup',
      secretKey: '/run/secrets/files-backup',
      region: 'us-east-1',
      addressing: 'path',
      prove: '37 4 * * 6',
    };
    const [job] = jobsOf(plan);
    expect(job).toMatchObject({ name: 'files.notes', kind: 'bucket', schedule: '7 * * * *', keep: { days: 2, daily: 14 } });
    expect(job?.bucket).toEqual(read);
    expect(plan.runtime.backups?.jobs.find(({ name }) => name === 'files.notes')).toMatchObject({
      agent: 'agent-files',
      bucket: { ...read, writer: { accessKey: 'hello-app', secretKey: 'secrets/files-app' } },
    });
    const config = plan.agents.find(({ service }) => service === 'agent-files')?.config;
    expect(runtimeConfig.safeParse(config).success).toBe(true);
    expect(runtimeConfig.safeParse(plan.runtime).success).toBe(true);
    const jobs = config?.backups?.jobs.map(({ bucket: _bucket, ...one }) => one);
    expect(runtimeConfig.safeParse({ ...config, backups: { ...config?.backups, jobs } }).success).toBe(false);
  });

  test('reads a store of somebody else with what was supplied for the application, and has a way out for it alone', () => {
    const plan = planOf(inFolder, elsewhere);
    expect(jobsOf(plan).map(({ name, bucket }) => [name, bucket?.endpoint, bucket?.accessKey])).toEqual([
      ['files.notes', 'http://files:9000', 'hello-backup'],
      ['archive.old', 'https://s3.corp.example', 'shop'],
    ]);
    expect(agentOf(plan)).toMatchObject({
      networks: ['data', 'egress'],
      outside: [{ host: 's3.corp.example', port: 443 }],
      secretFiles: ['files-backup', 'archive-app'],
    });
    expect(plan.secretFiles.map(({ name }) => name)).toContain('archive-app');
    expect(notesOf(plan)).not.toContain('archive (elsewhere)');
    expect(notesOf(planOf({ ...inFolder, buckets: 'none' }, elsewhere))).toContain('archive (elsewhere)');
  });

  test('has a size of its own, which says for how many objects it is good', () => {
    const plan = planOf(inFolder);
    const { memory = 0 } = agentOf(plan)?.size ?? {};
    expect(memory).toBeGreaterThanOrEqual(384);
    expect(memory).toBeLessThanOrEqual(768);
    expect(Number(plan.decisions.find(({ key }) => key === 'agent-files.objects_max')?.value)).toBeGreaterThanOrEqual(300_000);
    expect(plan.budget.rows.map(({ name }) => name)).toEqual(expect.arrayContaining(['agent-postgres', 'agent-files']));
    // Where it is the only one, there is no room kept for another.
    const alone = planOf({ ...inFolder, databases: 'none' });
    expect(alone.budget.rows.map(({ name }) => name).filter((name) => name.startsWith('agent'))).toEqual(['agent-files']);
  });

  test('has its own files where any image lets anybody write, and nothing in the folder that its image declares as a volume', () => {
    const agent = agentOf(planOf(inFolder));
    expect(agent?.volumes.map(({ name, target }) => [name, target])).toEqual([['agent-files-data', '/var/tmp']]);
    expect(agent?.tmpfs.map(({ path }) => path)).toEqual(['/tmp', '/var/lib/postgresql/data']);
  });
});
