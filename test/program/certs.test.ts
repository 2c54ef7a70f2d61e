import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { keyFileOf } from '../../generator/io/secret-files.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { company, issue } from '../generator/io/issued-certificates.ts';
import type { Issued } from '../generator/io/issued-certificates.ts';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit, secretsOf, start } from './berth.ts';
import { edit, freshSite } from './sites.ts';

const domain = 'shop.example.com';
const fresh = freshSite(['--set', `domain=${domain}`]);
const cluster = freshSite(['--set', `domain=${domain}`, '--target', 'kubernetes']);
const { root, intermediate, leaf } = await company(new Date());

const read = (site: string, path: string) => readFileSync(join(site, path), 'utf8');
const served = (site: string) => new X509Certificate(read(site, 'secrets/tls/site.crt'));
const fits = (site: string) => served(site).checkPrivateKey(createPrivateKey(read(site, keyFileOf(read(site, 'secrets/tls/site.crt')))));
const tls = (site: string): readonly string[] => readdirSync(join(site, 'secrets/tls')).sort();

/** Files as a company hands them out, in a folder of their own. */
function handedOut(own: Issued, above: readonly Issued[] = [intermediate, root]) {
  const folder = temporarySite();
  const [cert, key] = [join(folder.path, 'shop.crt'), join(folder.path, 'shop.key')];
  writeFileSync(cert, [own, ...above].map(({ pem }) => pem).join(''));
  writeFileSync(key, own.keyPem);
  return { cert, key, folder, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}
const importing = (site: string, { cert, key }: { cert: string; key: string }) => [
  'certs',
  'import',
  '--site',
  site,
  '--cert',
  cert,
  '--key',
  key,
];

describe('certs show', () => {
  test('prints names, dates, issuer and fingerprint of what openssl would read, and writes nothing', async () => {
    using site = fresh();
    const before = snapshot(site.path);
    const { stdout } = await expectExit(0, ['certs', 'show', '--site', site.path]);
    expect(stdout).toMatch(/^hello: certificate\n/);
    for (const part of [
      `${domain}, localhost, 127.0.0.1`,
      '396 days left',
      served(site.path).fingerprint256,
      'secrets/tls/ca.crt',
      'hello authority',
    ])
      expect(stdout).toContain(part);
    expect(snapshot(site.path)).toEqual(before);
  });

  test('as JSON has it for scripts, and no key', async () => {
    using site = fresh();
    const { stdout } = await expectExit(0, ['certs', 'show', '--json', '--site', site.path]);
    expect(JSON.parse(stdout)).toMatchObject({
      imported: false,
      inPlace: true,
      servedByOthers: null,
      leaf: { names: [domain, 'localhost', '127.0.0.1'], daysLeft: 396, key: 'ec prime256v1' },
      authority: { subject: 'hello authority', issuer: 'hello authority' },
    });
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('says that a file is not the one of the ledger', async () => {
    using site = fresh();
    edit(site.path, 'secrets/tls/site.crt', () => root.pem);
    expect((await expectExit(0, ['certs', 'show', '--site', site.path])).stdout).toContain('is not the one of the ledger');
  });
});

describe('certs renew', () => {
  test('puts a new certificate with its key in place, from the same authority, and recreates nothing', async () => {
    using site = fresh();
    const [before, authority] = [served(site.path), read(site.path, 'secrets/tls/ca.crt')];
    const others = snapshot(site.path).filter((line) => !/secrets\/tls|ledger|hashes/.test(line));
    const { stdout } = await expectExit(0, ['certs', 'renew', '--site', site.path]);
    expect(served(site.path).fingerprint256).not.toBe(before.fingerprint256);
    expect(fits(site.path)).toBe(true);
    expect(read(site.path, 'secrets/tls/ca.crt')).toBe(authority);
    expect(snapshot(site.path).filter((line) => !/secrets\/tls|ledger|hashes/.test(line))).toEqual(others);
    expect(stdout).toContain('no container has to be recreated');
    expect(stdout).toContain('from the next connection on, without a restart');
    expect(stdout).not.toContain('ca.crt to everybody');
    await expectExit(0, ['generate', '--check', '--site', site.path]);
  });

  test('leaves the key of the certificate before to handshakes that have begun, until the next renewal', async () => {
    using site = fresh();
    const keys = (): readonly string[] => tls(site.path).filter((name) => name.endsWith('.key'));
    const own = (): string => keyFileOf(read(site.path, 'secrets/tls/site.crt')).replace('secrets/tls/', '');
    const [first, text] = [own(), read(site.path, `secrets/tls/${own()}`)];
    expect(keys()).toEqual([first]);
    await expectExit(0, ['certs', 'renew', '--site', site.path]);
    const second = own();
    expect(keys()).toEqual([first, second].sort());
    expect(read(site.path, `secrets/tls/${first}`)).toBe(text);
    // A run in between changes nothing of that, and has nothing to write.
    const before = snapshot(site.path);
    await expectExit(0, ['generate', '--site', site.path]);
    expect(snapshot(site.path)).toEqual(before);
    await expectExit(0, ['certs', 'renew', '--site', site.path]);
    expect(keys()).toEqual([second, own()].sort());
  });

  test('with --authority says who must be told', async () => {
    using site = fresh();
    const authority = read(site.path, 'secrets/tls/ca.crt');
    const { stdout } = await expectExit(0, ['certs', 'renew', '--authority', '--site', site.path]);
    expect(read(site.path, 'secrets/tls/ca.crt')).not.toBe(authority);
    expect(served(site.path).verify(new X509Certificate(read(site.path, 'secrets/tls/ca.crt')).publicKey)).toBe(true);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('give secrets/tls/ca.crt to everybody who trusted the old one');
  });

  test('does not bring in an edit of the spec by the way', async () => {
    using site = fresh();
    edit(site.path, 'berth.yaml', (text) => text.replace('use: cache', 'use: queue'));
    const before = snapshot(site.path);
    const { stderr } = await expectExit(9, ['certs', 'renew', '--site', site.path]);
    expect(stderr).toContain('no secret was changed');
    expect(snapshot(site.path)).toEqual(before);
  });

  test('on Kubernetes writes k8s/secrets and says what applies it', async () => {
    using site = cluster();
    const before = read(site.path, 'k8s/secrets/tls.yaml');
    const { stdout } = await expectExit(0, ['certs', 'renew', '--site', site.path]);
    expect(read(site.path, 'k8s/secrets/tls.yaml')).not.toBe(before);
    expect(stdout).toContain('run `kubectl apply -f k8s/secrets`');
  });

  test('of a certificate that cert-manager issues is refused', async () => {
    using site = cluster();
    edit(site.path, 'berth.yaml', (text) => `${text}\nkubernetes: { certificate: cert-manager }\n`);
    await expectExit(0, ['generate', '--site', site.path]);
    expect((await expectExit(8, ['certs', 'renew', '--site', site.path])).stderr).toContain('cert-manager issues and renews');
  });
});

describe('certs of services that speak TLS to each other', () => {
  const encrypted = freshSite(['--set', `domain=${domain}`, '--set', 'internalTls=true']);
  const hashesOf = (site: string): Readonly<Record<string, string | undefined>> => {
    const { services } = parse(read(site, 'compose.yaml')) as {
      readonly services: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>;
    };
    return Object.fromEntries(Object.entries(services).map(([name, { labels }]) => [name, labels['berth.config']]));
  };
  const serials = (site: string) =>
    ['database', 'cache', 'files'].map((name) => new X509Certificate(read(site, `secrets/${name}-certificate`)).serialNumber);

  test('are listed, and drawn anew without that of the edge; each of the servers is recreated, and no application', async () => {
    using site = encrypted();
    const { stdout: shown } = await expectExit(0, ['certs', 'show', '--site', site.path]);
    expect(shown).toMatch(/between services\n *database +until [\d-]+, 3649 days left +database, localhost, 127\.0\.0\.1\n/);
    const [edge, before, hashes] = [served(site.path).fingerprint256, serials(site.path), hashesOf(site.path)];
    const { stdout } = await expectExit(0, ['certs', 'renew', '--internal', '--json', '--site', site.path]);
    const { internal, next } = JSON.parse(stdout) as {
      readonly internal: readonly { readonly service: string }[];
      readonly next: readonly string[];
    };
    expect(internal.map(({ service }) => service)).toEqual(['database', 'cache', 'files']);
    expect(next).toEqual([expect.stringContaining('run `docker compose up -d --wait`: database, cache, files start anew')]);
    expect(served(site.path).fingerprint256).toBe(edge);
    const recreated = Object.entries(hashesOf(site.path)).flatMap(([name, hash]) => (hash === hashes[name] ? [] : [name]));
    expect(recreated).toEqual(['database', 'cache', 'files']);
    expect(serials(site.path).filter((serial) => before.includes(serial))).toEqual([]);
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
    await expectExit(0, ['generate', '--check', '--site', site.path]);
  });

  test('are those of a new authority as soon as there is one', async () => {
    using site = encrypted();
    const { stdout } = await expectExit(0, ['certs', 'renew', '--authority', '--site', site.path]);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('and every application and task that trusts them');
    const authority = new X509Certificate(read(site.path, 'secrets/site-ca'));
    expect(authority.fingerprint256).toBe(new X509Certificate(read(site.path, 'secrets/tls/ca.crt')).fingerprint256);
    for (const name of ['database', 'cache', 'files'])
      expect(new X509Certificate(read(site.path, `secrets/${name}-certificate`)).verify(authority.publicKey)).toBe(true);
  });

  test('cannot be drawn where there are none', async () => {
    using site = fresh();
    expect((await expectExit(8, ['certs', 'renew', '--internal', '--site', site.path])).stderr).toContain('internalTls: true');
  });
});

describe('certs import', () => {
  test('serves the chain in order, with its own authority, and generate never replaces it', async () => {
    using site = fresh();
    const own = await leaf();
    using files = handedOut(own, [root, intermediate]);
    const { stdout } = await expectExit(0, importing(site.path, files));
    expect(read(site.path, 'secrets/tls/site.crt')).toBe(own.pem + intermediate.pem);
    expect(read(site.path, 'secrets/tls/ca.crt')).toBe(root.pem);
    expect(fits(site.path)).toBe(true);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('give secrets/tls/ca.crt to everybody');
    const before = tls(site.path).map((name) => read(site.path, `secrets/tls/${name}`));
    await expectExit(0, ['generate', '--site', site.path]);
    edit(site.path, 'berth.yaml', (text) => text.replace(`domain: ${domain}`, 'domain: store.example.com'));
    const said = await expectExit(0, ['generate', '--site', site.path]);
    expect(said.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'the imported certificate is not for store.example.com, it names shop.example.com',
    );
    expect(tls(site.path).map((name) => read(site.path, `secrets/tls/${name}`))).toEqual(before);
  });

  test('is shown as such, and renewed by its issuer only, unless it is given up', async () => {
    using site = fresh();
    using files = handedOut(await leaf());
    await expectExit(0, importing(site.path, files));
    expect(JSON.parse((await expectExit(0, ['certs', 'show', '--json', '--site', site.path])).stdout)).toMatchObject({
      imported: true,
      leaf: { issuer: 'Company servers' },
      chain: [{ subject: 'Company servers' }],
      authority: { subject: 'Company root' },
    });
    const { stderr } = await expectExit(5, ['certs', 'renew', '--site', site.path]);
    expect(stderr).toContain('berth certs renew --own');
    await expectExit(0, ['certs', 'renew', '--own', '--site', site.path]);
    expect(served(site.path).issuer).toContain('hello authority');
    expect(fits(site.path)).toBe(true);
  });

  test('of what cannot be used is refused with every reason, and nothing is written', async () => {
    using site = fresh();
    const before = snapshot(site.path);
    using files = handedOut(await leaf({ names: ['other.example.com'], until: -0.5 }), []);
    const { stderr } = await expectExit(12, importing(site.path, files));
    for (const part of ['is not for shop.example.com', 'has expired on', 'the chain ends at', 'cat site.crt', '3 problems'])
      expect(stderr).toContain(part);
    expect(snapshot(site.path)).toEqual(before);
  });

  test('of an encrypted key names the command that decrypts it', async () => {
    using site = fresh();
    const own = await leaf();
    using files = handedOut(own);
    writeFileSync(files.key, own.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }));
    expect((await expectExit(12, importing(site.path, files))).stderr).toContain(`openssl pkey -in ${files.key} -out ${files.key}.plain`);
  });

  test('takes the root of a private authority from a file of its own', async () => {
    using site = fresh();
    using files = handedOut(await leaf(), [intermediate]);
    await expectExit(12, importing(site.path, files));
    const ca = join(files.folder.path, 'root.crt');
    writeFileSync(ca, root.pem);
    await expectExit(0, [...importing(site.path, files), '--ca', ca]);
    expect(read(site.path, 'secrets/tls/ca.crt')).toBe(root.pem);
  });

  test('of a file that is not there says so, in JSON as well', async () => {
    using site = fresh();
    const { stdout } = await expectExit(6, [...importing(site.path, { cert: '/not/there', key: '/not/there' }), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { kind: 'io' } });
  });

  test('prints neither key, nor as JSON', async () => {
    using site = fresh();
    const own = await issue({ subject: domain, names: [domain], ca: true, now: new Date() });
    using files = handedOut(own, []);
    const { stdout, stderr } = await expectExit(0, [...importing(site.path, files), '--json']);
    const secret = own.keyPem.split('\n')[1] ?? '?';
    expect(stdout + stderr).not.toContain(secret);
    expect(JSON.parse(stdout)).toMatchObject({ drawn: ['tls'], leaf: { names: [domain] }, next: expect.any(Array) as string[] });
  });
});

describe('a renewal', () => {
  const files = (site: string) =>
    ['secrets/ledger.json', 'secrets/tls/ca.crt', keyFileOf(read(site, 'secrets/tls/site.crt')), 'secrets/tls/site.crt'].map((path) =>
      read(site, path),
    );

  test('that is killed at any moment leaves, once the next run is through, the old certificate or the new one, whole', async () => {
    using site = fresh();
    const seen = new Set<string>();
    for (let wait = 60; wait < 260; wait += 12) {
      const old = files(site.path);
      using running = start(['certs', 'renew', '--site', site.path]);
      await sleep(wait);
      running.child.kill('SIGKILL');
      await running.ended;
      await expectExit(0, ['generate', '--site', site.path]);
      expect(fits(site.path), `after ${wait} ms`).toBe(true);
      const now = files(site.path);
      const changed = now.map((text, index) => text !== old[index]);
      // ca.crt never changes; the other three change together.
      expect([
        [false, false, false, false],
        [true, false, true, true],
      ]).toContainEqual(changed);
      seen.add(String(changed[0]));
      await expectExit(0, ['generate', '--check', '--site', site.path]);
      expect(readdirSync(join(site.path, '.berth')).sort()).toEqual(['base', 'berth.schema.json', 'hashes.json', 'lock']);
    }
    expect(seen.size).toBeGreaterThan(0);
  });

  test('waits for nobody: the second is told that the site is locked', async () => {
    using site = fresh();
    const before = files(site.path);
    using _held = lockSite(site.path);
    await expectExit(7, ['certs', 'renew', '--site', site.path]);
    expect(files(site.path)).toEqual(before);
  });

  test('started several times at once leaves one whole certificate', async () => {
    using site = fresh();
    const all = await Promise.all(Array.from({ length: 4 }, () => berth(['certs', 'renew', '--site', site.path])));
    for (const { code } of all) expect([0, 7]).toContain(code);
    expect(fits(site.path)).toBe(true);
    const ledger = JSON.parse(read(site.path, 'secrets/ledger.json')) as { leaf: { version: number; certificate: string } };
    expect(ledger.leaf.version).toBe(1 + all.filter(({ code }) => code === 0).length);
    expect(read(site.path, 'secrets/tls/site.crt').startsWith(ledger.leaf.certificate)).toBe(true);
  });
});
