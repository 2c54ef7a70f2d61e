import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { issue } from '../io/issued-certificates.ts';
import { prepareHello, toBucket } from './hello.ts';

const ca = '/run/secrets/site-ca';
const { supplied, files } = toBucket;
const set = {
  ...toBucket.set,
  'backups.databases': {},
  'internalTls': true,
  'databases.database': { engine: 'mongodb', topology: 'cluster' },
  'services.web.uses': { database: 'DATABASE_URL', cache: 'REDIS_URL', files: 'S3' },
};
let [compose, inCluster]: PreparedSite[] = [];
const of = (path: string, site = compose): string => site?.decision.merged.get(path) ?? expect.unreachable(`no ${path}`);

beforeAll(async () => {
  const hello = { set, supplied, files, profile: 'recommended', host: { cpus: 400, memory: '4Ti', disk: '40Ti' } } as const;
  [compose, inCluster] = [await prepareHello(hello), await prepareHello({ ...hello, target: 'kubernetes' })];
});

describe('a replica set that speaks TLS', () => {
  test('takes nobody in without it, another member neither, and asks clients for no certificate', () => {
    const { net } = parse(of('config/database/mongod.conf')) as { readonly net: { readonly tls: object } };
    expect(net).toMatchObject({
      port: 27017,
      unixDomainSocket: { enabled: false },
      tls: { mode: 'requireTLS', certificateKeyFile: '/tmp/server.pem', CAFile: ca, allowConnectionsWithoutCertificates: true },
    });
    expect(of('config/database/start.sh')).toContain(
      "cat '/run/secrets/database-certificate' '/run/secrets/database-key' >'/tmp/server.pem'",
    );
  });

  test('has one certificate for all members, by every name, and good for a client as well', () => {
    const certificate = new X509Certificate(of('secrets/database-certificate'));
    expect(certificate.subjectAltName).toBe(
      'DNS:database, DNS:database-member-2, DNS:database-member-3, DNS:localhost, IP Address:127.0.0.1',
    );
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    const names = inCluster?.plan.servers.find(({ service }) => service === 'database')?.names;
    expect(names).toEqual(expect.arrayContaining(['database.hello.svc', 'database-member-3-0.database-member-3-nodes']));
    const services = inCluster?.plan.services.filter(({ role }) => role === 'database') ?? [];
    expect(services).toHaveLength(3);
    for (const { secretFiles } of services)
      expect(secretFiles).toEqual(expect.arrayContaining(['database-certificate', 'database-key', 'site-ca']));
  });

  test('is spoken to by nobody who does not check it', () => {
    const addresses = ['config/database/first-start.js', 'config/database/set.js', 'config/database-accounts/accounts.js'].flatMap((path) =>
      [...of(path).matchAll(/serverSelectionTimeoutMS=\d+[^';]*/g)].map(([found]) => found),
    );
    expect(addresses).toHaveLength(4);
    expect(addresses.filter((found) => !found.includes(`&tls=true&tlsCAFile=${ca}`))).toEqual([]);
    expect(of('secrets/web.env')).toMatch(/^DATABASE_URL='?mongodb:\/\/\S+&w=majority&tls=true&tlsCAFile=\/run\/secrets\/site-ca'?$/m);
    expect(of('SITE.md')).toContain(`--ssl --sslCAFile=${ca} --archive`);
    const job = compose?.plan.agents.flatMap(({ config }) => config.backups?.jobs ?? []).find(({ name }) => name === 'database');
    expect(job?.database?.ca).toBe(ca);
    for (const site of [compose, inCluster]) expect(site && lintSite(site.plan, site.decision.merged).findings).toEqual([]);
  });

  test.each([
    ['knows a primary by its answer', 1, 'site', 0],
    ['knows one that is none', 0, 'site', 1],
    ['believes no stranger', 1, 'stranger', 1],
  ])('is asked by TLS whether it works, and %s', async (_, primary, signer, code) => {
    const now = new Date();
    const [site, stranger] = [await issue({ subject: 'CN=site', ca: true, now }), await issue({ subject: 'CN=other', ca: true, now })];
    const leaf = await issue({ subject: 'CN=database', by: signer === 'site' ? site : stranger, names: ['127.0.0.1'], now });
    const listener = createServer({ cert: leaf.pem, key: leaf.keyPem }, (socket) =>
      socket.on('data', () => socket.write(Buffer.from(`\x08isWritablePrimary\0${String.fromCharCode(primary)}\0`, 'latin1'))),
    );
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const folder = mkdtempSync(join(tmpdir(), 'berth-ready-'));
    try {
      writeFileSync(join(folder, 'ca.pem'), site.pem);
      const script = of('config/database/ready.sh')
        .replace('127.0.0.1:27017', `127.0.0.1:${(listener.address() as AddressInfo).port}`)
        .replace(ca, join(folder, 'ca.pem'));
      writeFileSync(join(folder, 'ready.sh'), script);
      // Takes its time to end, and is to have ended before the script: in a container nobody buries what it leaves behind.
      const slow = `#!/bin/bash\necho $$ >${join(folder, 'pid')}\ntrap 'kill $!; sleep 0.4; exit' TERM\n/usr/bin/openssl "$@" <&0 &\nwait\n`;
      writeFileSync(join(folder, 'openssl'), slow, { mode: 0o755 });
      const began = performance.now();
      const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
      const ended = await promisify(execFile)('bash', [join(folder, 'ready.sh')], { env }).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      expect(ended).toBe(code);
      expect(() => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 0)).toThrow('ESRCH');
      // It has five seconds, and whoever answers is not waited for.
      expect(performance.now() - began).toBeLessThan(3500);
    } finally {
      listener.close();
      rmSync(folder, { recursive: true });
    }
  });
});
