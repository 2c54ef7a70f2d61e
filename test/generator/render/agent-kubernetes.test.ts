import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { compareClusters } from '../../../generator/render/kubernetes/compare.ts';
import { prepareHello, toBucket } from './hello.ts';

const asked = { ...toBucket, target: 'kubernetes', profile: 'minimum' } as const;
// oxlint-disable-next-line typescript/no-explicit-any -- what a manifest holds is looked at where it is asked
type Manifest = any;

describe('an agent in a cluster', () => {
  let site: PreparedSite;
  const fileOf = (path: string, made = site): string => made.decision.merged.get(path) ?? expect.unreachable(`there is no ${path}`);
  const objectsOf = (path: string, made = site): readonly Manifest[] =>
    [parseAllDocuments(fileOf(path, made))].flat().flatMap((document) => (document.contents === null ? [] : [document.toJS()]));
  const kindOf = (path: string, kind: string, made = site): Manifest =>
    objectsOf(path, made).find((one) => one.kind === kind) ?? expect.unreachable(`there is no ${kind} in ${path}`);
  const podOf = (made = site): Manifest => kindOf('k8s/generated/agent-postgres.yaml', 'StatefulSet', made).spec.template;
  const mountOf = (path: string): Manifest => podOf().spec.containers[0].volumeMounts.find((one: Manifest) => one.mountPath === path);
  const volumeAt = (path: string): Manifest => podOf().spec.volumes.find(({ name }: Manifest) => name === mountOf(path).name);

  beforeAll(async () => {
    site = await prepareHello(asked);
  });

  test('reads the public keys of who may open and who signs, and the authority of its store, from a ConfigMap that holds no more', () => {
    const { data } = kindOf('k8s/generated/00-backups.yaml', 'ConfigMap');
    expect(data).toEqual({
      'recipients.escrow.pem': 'public key of escrow\n',
      'recipients.operator.pem': 'public key of operator\n',
      'certs.store.pem': toBucket.files['certs/store.pem'],
      'signers.pem': fileOf('backup/signers.pem'),
    });
    expect(volumeAt('/etc/berth/backup').configMap.items).toEqual(
      expect.arrayContaining([
        { key: 'recipients.operator.pem', path: 'recipients/operator.pem' },
        { key: 'signers.pem', path: 'signers.pem' },
      ]),
    );
    expect(mountOf('/etc/berth/store-ca.pem')).toMatchObject({ name: 'backup', subPath: 'certs/store.pem', readOnly: true });
  });

  test('is given its keys by a Secret of its own, and no key of another', () => {
    const { data } = kindOf('k8s/secrets/agent-postgres-secrets.yaml', 'Secret');
    expect(Object.keys(data).sort()).toEqual(['database-backup', 'signer.key', 'store.key']);
    expect(Buffer.from(data['store.key'], 'base64').toString()).toBe('key-of-the-store');
    expect(volumeAt('/etc/berth/keys').secret.items.map(({ key }: Manifest) => key)).toEqual(['signer.key', 'store.key']);
    expect(volumeAt('/run/secrets').secret.items.map(({ key }: Manifest) => key)).toEqual(['database-backup']);
    expect(fileOf('SITE.md')).toContain('| agent-postgres-secrets | `database-backup`, `signer.key`, `store.key` | agent-postgres |');
  });

  test('waits for the key of its store where nobody has supplied it yet', async () => {
    const { supplied: _none, ...rest } = asked;
    const made = await prepareHello(rest);
    expect(Object.keys(kindOf('k8s/secrets/agent-postgres-secrets.yaml', 'Secret', made).data)).not.toContain('store.key');
    expect(made.awaited).toEqual(['secrets/supplied/backup-store']);
  });

  test('reads its own configuration, which is no ConfigMap with another name when it changes', () => {
    const config = parse(fileOf('k8s/generated/config/agent-postgres/runtime.yaml'));
    expect(config).toMatchObject({ target: 'kubernetes', namespace: 'hello', backups: { jobs: [{ name: 'database', kind: 'postgres' }] } });
    expect(site.decision.merged.has('config/agent-postgres/runtime.yaml')).toBe(false);
    const { configMapGenerator, resources } = parse(fileOf('k8s/generated/kustomization.yaml'));
    expect(configMapGenerator).toContainEqual(
      expect.objectContaining({ name: 'agent-postgres', options: expect.objectContaining({ disableNameSuffixHash: true }) }),
    );
    expect(resources).toEqual(expect.arrayContaining(['00-backups.yaml', 'agent-postgres.yaml']));
  });

  test('has Berth copied beside the unchanged image of its database, into a folder of limited size that it cannot write to', () => {
    const { initContainers, containers, volumes } = podOf().spec;
    expect(initContainers).toMatchObject([
      { name: 'berth', image: 'localhost/berth:0.1.0', command: ['/bin/cp', '-R', '/opt/berth/.', '/mnt/berth'] },
    ]);
    expect(initContainers[0].volumeMounts).toContainEqual({ name: 'berth', mountPath: '/mnt/berth' });
    expect(containers[0].image).toBe('docker.io/library/postgres:17.11-trixie');
    expect(mountOf('/opt/berth')).toEqual({ name: 'berth', mountPath: '/opt/berth', readOnly: true });
    expect(volumes).toContainEqual({ name: 'berth', emptyDir: { sizeLimit: '256Mi' } });
    expect(fileOf('k8s/site/kustomization.yaml')).toContain(
      '#   - name: localhost/berth\n#     newName: registry.example.internal/berth\n',
    );
  });

  test('is the only one on its volume, and reached by nobody', () => {
    const { spec } = kindOf('k8s/generated/agent-postgres.yaml', 'StatefulSet');
    expect(spec).toMatchObject({ replicas: 1, serviceName: 'agent-postgres-nodes' });
    const service = kindOf('k8s/generated/agent-postgres.yaml', 'Service');
    expect([service.metadata.name, service.spec.clusterIP, service.spec.ports]).toEqual(['agent-postgres-nodes', 'None', undefined]);
  });

  test('may reach its database, the DNS and the port of the store, and its database lets it in', () => {
    const { policyTypes, ingress, egress } = kindOf('k8s/generated/agent-postgres.yaml', 'NetworkPolicy').spec;
    expect([policyTypes, ingress]).toEqual([['Ingress', 'Egress'], undefined]);
    expect(egress.map(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port))).toEqual([[53, 53], [5432], [9000]]);
    expect(JSON.stringify(kindOf('k8s/generated/database.yaml', 'NetworkPolicy').spec.ingress)).toContain('"agent-postgres"');
  });

  test('is replaced when somebody else may open backups', async () => {
    const { 'backup/recipients/escrow.pem': _gone, ...files } = toBucket.files;
    const made = await prepareHello({ ...asked, files });
    expect(podOf(made).metadata.annotations['berth/keys']).not.toBe(podOf().metadata.annotations['berth/keys']);
    expect(made.notices.join('\n')).toContain('agents need the public keys of two recipients');
    const { replaced } = compareClusters(made.plan, site.decision.merged, made.decision.merged, []);
    expect(replaced).toEqual(['agent-files', 'agent-postgres'].map((workload) => ({ workload, reasons: ['another set of public keys'] })));
    expect(site.notices).toEqual([]);
  });

  test('says which file of the operator it misses', async () => {
    const { 'certs/store.pem': _gone, ...files } = toBucket.files;
    expect((await prepareHello({ ...asked, files })).notices.join('\n')).toContain('certs/store.pem is not there');
  });

  test('takes no public key from a file that no key of a ConfigMap can be called', async () => {
    const files = { ...toBucket.files, 'backup/recipients/a b.pem': 'x\n', 'backup/recipients/notes.txt': 'y\n' };
    const { data } = kindOf('k8s/generated/00-backups.yaml', 'ConfigMap', await prepareHello({ ...asked, files }));
    expect(Object.keys(data).sort()).toEqual(['certs.store.pem', 'recipients.escrow.pem', 'recipients.operator.pem', 'signers.pem']);
  });

  test('whose backups are of age needs two keys of age, and is given those of both kinds', async () => {
    const ofAge = { ...asked, set: { ...asked.set, 'backups.suite': 'age' } };
    expect((await prepareHello(ofAge)).notices.join('\n')).toContain('agents need the public keys of two recipients');
    const files = { ...toBucket.files, 'backup/recipients/escrow.pub': 'age1e\n', 'backup/recipients/operator.pub': 'age1o\n' };
    const made = await prepareHello({ ...ofAge, files });
    expect(made.notices).toEqual([]);
    const { data } = kindOf('k8s/generated/00-backups.yaml', 'ConfigMap', made);
    expect(Object.keys(data).filter((name) => name.startsWith('recipients.'))).toEqual([
      'recipients.escrow.pem',
      'recipients.escrow.pub',
      'recipients.operator.pem',
      'recipients.operator.pub',
    ]);
    expect(fileOf('runtime.yaml', made)).toContain('  suite: "age"\n');
    expect(fileOf('runtime.yaml')).not.toContain('suite:');
  });

  test('leaves keys of the site to its owner alone, as no container mounts them from there', () => {
    const modes = site.decision.changes.filter(({ path }) => path.startsWith('secrets/backup/')).map(({ path, mode }) => [path, mode]);
    expect(modes).toEqual([
      ['secrets/backup/signer.key', 0o600],
      ['secrets/backup/store.key', 0o600],
    ]);
  });

  describe('beside one for buckets', () => {
    const path = 'k8s/generated/agent-files.yaml';

    test('that may reach their store, the DNS and the port of the store of backups, is let in there, and reached by nobody', () => {
      const { policyTypes, ingress, egress } = kindOf(path, 'NetworkPolicy').spec;
      expect([policyTypes, ingress]).toEqual([['Ingress', 'Egress'], undefined]);
      expect(egress.map(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port))).toEqual([[53, 53], [9000], [9000]]);
      expect(egress[1].to).toEqual([{ podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/name': 'files' }) } }]);
      expect(JSON.stringify(kindOf('k8s/generated/files.yaml', 'NetworkPolicy').spec.ingress)).toContain('"agent-files"');
      expect(JSON.stringify(kindOf('k8s/generated/database.yaml', 'NetworkPolicy').spec.ingress)).not.toContain('"agent-files"');
    });

    test('that has the secret of an account which reads, as the Job of the store has that makes it, and none that writes', () => {
      const { data } = kindOf('k8s/secrets/agent-files-secrets.yaml', 'Secret');
      expect(Object.keys(data).sort()).toEqual(['files-backup', 'signer.key', 'store.key']);
      expect(kindOf('k8s/secrets/files-buckets-secrets.yaml', 'Secret').data['files-backup']).toBe(data['files-backup']);
      expect(fileOf('k8s/generated/config/files-buckets/buckets.sh')).toContain('keep_account reader hello-backup ');
      expect(fileOf('k8s/generated/config/agent-files/runtime.yaml')).not.toContain('writer');
      // Where a restore is typed there is the key that it hands over.
      expect(fileOf('runtime.yaml')).toContain('secretKey: "secrets/files-app"');
      const app = kindOf('k8s/secrets/files-buckets-secrets.yaml', 'Secret').data['files-app'];
      expect(fileOf('secrets/files-app')).toBe(Buffer.from(app, 'base64').toString());
      expect(site.decision.changes.find((one) => one.path === 'secrets/files-app')?.mode).toBe(0o600);
    });

    test('that stands in the image of the database, or in one of the operator, with a volume of its own', async () => {
      const bodyOf = (made: PreparedSite) => kindOf(path, 'StatefulSet', made).spec;
      const { template, volumeClaimTemplates } = bodyOf(site);
      expect(template.spec.containers[0].image).toBe('docker.io/library/postgres:17.11-trixie');
      expect(volumeClaimTemplates.map(({ metadata }: Manifest) => metadata.name)).toEqual(['agent-files-data']);
      const set = { ...asked.set, 'databases.database.engine': 'mongodb', 'backups.image': 'registry.corp.example/base:1' };
      const other = bodyOf(await prepareHello({ ...asked, set }));
      expect(other.template.spec.containers[0]).toMatchObject({ name: 'agent-files', image: 'registry.corp.example/base:1' });
      expect(other.template.spec.initContainers).toMatchObject([{ name: 'berth', image: 'localhost/berth:0.1.0' }]);
    });

    test('and for caches of every topology: into each of their nodes, and out of none of the rest that stands around them', async () => {
      const cacheOf = async (cache: object) => {
        const set = { ...asked.set, 'backups.buckets': 'none', 'caches.cache': { use: 'sessions', ...cache } };
        const made = await prepareHello({ ...asked, set });
        const { egress } = kindOf(path, 'NetworkPolicy', made).spec;
        const reached = egress
          .filter(({ ports }: Manifest) => ports[0].port === 6379)
          .map(({ to }: Manifest) => to[0].podSelector.matchLabels['app.kubernetes.io/name']);
        for (const name of reached)
          expect(JSON.stringify(kindOf(`k8s/generated/${name}.yaml`, 'NetworkPolicy', made).spec.ingress)).toContain('"agent-files"');
        expect(Object.keys(kindOf('k8s/secrets/agent-files-secrets.yaml', 'Secret', made).data)).toContain('cache-backup');
        return { reached, site: made };
      };
      expect((await cacheOf({ engine: 'redis', topology: 'single' })).reached).toEqual(['cache']);
      const three = await cacheOf({ engine: 'valkey', topology: 'sentinel' });
      expect(three.reached).toEqual(['cache-node']);
      const around = ['cache', 'cache-sentinel'].map((name) => kindOf(`k8s/generated/${name}.yaml`, 'NetworkPolicy', three.site));
      expect(JSON.stringify(around)).not.toContain('agent-files');
      expect(fileOf('SITE.md', three.site)).toContain('scale statefulset cache-node cache-sentinel --replicas=0 &&');
      const six = await cacheOf({ engine: 'valkey', topology: 'cluster', client: 'cluster' });
      expect(six.reached).toEqual(['cache-shard-0', 'cache-shard-1', 'cache-shard-2']);
      expect(fileOf('SITE.md', six.site)).toMatch(/exec -i cache-shard-2-1 -c cache-shard-2 -- .* <\.\.\/cache-back\/shard-2\.rdb\n/);
    });

    test('whose verbs the runbook tells', () => {
      expect(fileOf('SITE.md')).toContain('berth restore --only bucket --at 2026-03-29T14:30Z --dry-run --into live\n');
      expect(fileOf('SITE.md')).toContain('`agent-files` copies files.notes: what is new, every hour');
      expect(fileOf('SITE.md')).toContain('`kubectl -n hello logs agent-files-0`');
    });
  });

  describe('leaves it to the next start of the database to take what was restored', () => {
    const take = (present: readonly string[]): readonly string[] => {
      const [step] = kindOf('k8s/generated/database.yaml', 'StatefulSet').spec.template.spec.initContainers;
      const volume = mkdtempSync(join(tmpdir(), 'berth-restored-'));
      onTestFinished(() => rmSync(volume, { recursive: true }));
      for (const name of present) {
        mkdirSync(join(volume, name));
        writeFileSync(join(volume, name, 'of'), name);
      }
      const [shell, option, script]: readonly string[] = step.command;
      expect(spawnSync(shell ?? '', [option ?? '', (script ?? '').replaceAll('/var/lib/postgresql/data', volume)]).status).toBe(0);
      return readdirSync(volume)
        .sort()
        .map((name) => `${name.replace(/\d{4}-.*Z$/, 'TIME')}: ${readFileSync(join(volume, name, 'of'), 'utf8')}`);
    };

    test.each([
      ['nothing where nothing was', ['pgdata'], ['pgdata: pgdata']],
      ['nothing before the first start', [], []],
      ['it, and keeps what was there', ['pgdata', 'pgdata.restored'], ['pgdata: pgdata.restored', 'pgdata.before-TIME: pgdata']],
      ['it where the step was cut off', ['pgdata.restored'], ['pgdata: pgdata.restored']],
      [
        'it beside what an earlier one kept',
        ['pgdata', 'pgdata.before-2026-01-01T00-00-00Z', 'pgdata.restored'],
        ['pgdata: pgdata.restored', 'pgdata.before-TIME: pgdata.before-2026-01-01T00-00-00Z', 'pgdata.before-TIME: pgdata'],
      ],
    ])('%s', (_, present, after) => {
      expect(take(present)).toEqual(after);
    });

    test('by a step with the volume of the data, in the image of the database', () => {
      const { initContainers, containers } = kindOf('k8s/generated/database.yaml', 'StatefulSet').spec.template.spec;
      expect(initContainers).toMatchObject([{ name: 'database-restored', image: containers[0].image }]);
      expect(initContainers[0].volumeMounts).toContainEqual({ name: 'database-data', mountPath: '/var/lib/postgresql/data' });
    });

    test('and to nobody where nothing is copied', async () => {
      const made = await prepareHello({ target: 'kubernetes', profile: 'minimum' });
      expect(kindOf('k8s/generated/database.yaml', 'StatefulSet', made).spec.template.spec.initContainers).toBeUndefined();
    });
  });

  describe('leaves it to the next start of a cache to take what was restored', () => {
    let kept: PreparedSite;
    beforeAll(async () => {
      kept = await prepareHello({ ...asked, set: { ...asked.set, 'caches.cache.use': 'sessions' } });
    });
    const manifestOfNew = 'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n';
    const fresh = {
      'appendonlydir/appendonly.aof.1.base.rdb': 'REDIS new',
      'appendonlydir/appendonly.aof.1.incr.aof': '',
      'appendonlydir/appendonly.aof.manifest': manifestOfNew,
    };
    const old = { 'appendonlydir/appendonly.aof.7.base.rdb': 'REDIS old', 'appendonlydir/appendonly.aof.manifest': 'of the old' };
    const beside = Object.fromEntries(Object.entries(old).map(([name, text]) => [name.replace('dir/', 'dir.before-TIME/'), text]));
    /** What a start leaves of these files. */
    const take = (present: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
      const [step] = kindOf('k8s/generated/cache.yaml', 'StatefulSet', kept).spec.template.spec.initContainers;
      const volume = mkdtempSync(join(tmpdir(), 'berth-restored-'));
      onTestFinished(() => rmSync(volume, { recursive: true }));
      for (const [name, text] of Object.entries(present)) {
        mkdirSync(dirname(join(volume, name)), { recursive: true });
        writeFileSync(join(volume, name), text);
      }
      const [shell, option, script]: readonly string[] = step.command;
      const without = (script ?? '').replaceAll(/^sync$/gm, ':').replaceAll('/data/', `${volume}/`);
      expect(spawnSync(shell ?? '', [option ?? '', without]).status).toBe(0);
      return Object.fromEntries(
        readdirSync(volume, { recursive: true, withFileTypes: true }).flatMap((entry) => {
          const file = join(entry.parentPath, entry.name);
          return entry.isFile() ? [[relative(volume, file).replace(/\d{4}-.*Z/, 'TIME'), readFileSync(file, 'utf8')]] : [];
        }),
      );
    };

    test.each([
      ['nothing where nothing was restored', old, old],
      ['nothing before the first start', {}, {}],
      ['not half of a copy that is still on its way', { ...old, 'restored.rdb.part': 'RED' }, { ...old, 'restored.rdb.part': 'RED' }],
      ['it, and keeps what was there', { ...old, 'restored.rdb': 'REDIS new' }, { ...fresh, ...beside }],
      ['it where there was nothing', { 'restored.rdb': 'REDIS new' }, fresh],
      [
        'it where the step was cut off while it made its files',
        { ...old, 'restored.rdb': 'REDIS new', 'appendonlydir.restored/appendonly.aof.manifest': 'ha' },
        { ...fresh, ...beside },
      ],
      ['it where the step was cut off between its two names', { ...beside, 'restored.rdb': 'REDIS new' }, { ...fresh, ...beside }],
    ])('%s', (_, present, after) => {
      expect(take(present)).toEqual(after);
    });

    test('by a step with the volume of the data, in the image of the cache, and by none where it is not copied', async () => {
      const { initContainers, containers } = kindOf('k8s/generated/cache.yaml', 'StatefulSet', kept).spec.template.spec;
      expect(initContainers).toMatchObject([{ name: 'cache-restored', image: containers[0].image }]);
      expect(initContainers[0].volumeMounts).toContainEqual({ name: 'cache-data', mountPath: '/data' });
      const set = { ...asked.set, 'caches.cache.use': 'sessions', 'backups.caches': 'none' };
      const made = await prepareHello({ ...asked, set });
      expect(kindOf('k8s/generated/cache.yaml', 'StatefulSet', made).spec.template.spec.initContainers).toBeUndefined();
      expect(fileOf('SITE.md', made)).not.toContain('### Put cache back');
    });
  });

  test('has its database know the account that it logs in with', () => {
    expect(fileOf('k8s/generated/config/database-accounts/accounts.sql')).toContain('berth_backup');
    expect(Object.keys(kindOf('k8s/secrets/database-accounts-secrets.yaml', 'Secret').data)).toContain('database-backup-verifier');
    expect(fileOf('k8s/generated/config/database/postgresql.conf')).toContain('max_slot_wal_keep_size');
  });
});
