import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { keyFileOf } from '../../generator/io/secret-files.ts';
import { loadSite, prepareSite } from '../../cli/site.ts';
import { renewCertificates } from '../../generator/io/certificates.ts';
import { applyChanges, recoverSite } from '../../generator/io/disk.ts';
import { drawAgain } from '../../generator/io/ledger.ts';
import type { Ledger } from '../../generator/io/ledger.ts';
import type { Decision } from '../../generator/merge/decide-changes.ts';
import { faultyFiles, halfDone } from '../generator/io/faulty-files.ts';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { context, seeded } from '../generator/render/hello.ts';

const random = seeded('crash');
const now = context.now();

const model = temporarySite();
afterAll(() => model[Symbol.dispose]());
writeFileSync(
  join(model.path, 'berth.yaml'),
  'apiVersion: berth/v1\nname: shop\nprofile: minimum\nhost: { cpus: 4, memory: 32Gi, disk: 200Gi }\n' +
    'services: { web: { image: "registry.example/shop:1", port: 3000, uses: [database] } }\ndatabases: { database: { engine: postgres } }\n',
);
applyChanges(model.path, (await prepareSite(model.path, loadSite(model.path, context), [], context)).decision);

class Death extends Error {}

/** Applies it and dies in the middle of that operation. @returns whether it came so far. */
function dies(site: string, decision: Decision, last: number): boolean {
  const { files } = faultyFiles(
    (number, name, args) => {
      if (number < last) return;
      if (number === last) halfDone(name, args);
      throw new Death();
    },
    { fsync: false, looking: false },
  );
  try {
    applyChanges(site, decision, files);
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  }
}

const read = (site: string, path: string) => readFileSync(join(site, path), 'utf8');

/** What must be true of a site whatever happened to it. */
function expectWhole(site: string): void {
  const key = read(site, keyFileOf(read(site, 'secrets/tls/site.crt')));
  const certificate = new X509Certificate(read(site, 'secrets/tls/site.crt'));
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  const { secrets, leaf } = JSON.parse(read(site, 'secrets/ledger.json')) as { secrets: Record<string, string[]>; leaf: { key: string } };
  expect(key).toBe(leaf.key);
  expect(read(site, 'secrets/web.env')).toContain(`:${secrets['database-app']?.at(-1)}@`);
}

const databaseApp = { name: 'database-app', length: 32, purpose: '', overlaps: true } as const;
const changes: readonly { readonly what: string; readonly change: (ledger: Ledger) => Ledger | Promise<Ledger> }[] = [
  {
    what: 'the renewal of a certificate',
    change: (ledger) => renewCertificates(ledger, { hosts: ['localhost'], site: 'shop', now, random, authority: false }),
  },
  { what: 'the rotation of a secret', change: (ledger) => drawAgain(ledger, databaseApp, random, now) },
];

describe.each(changes)('$what', ({ change }) => {
  test('that dies at any operation, between any two files, is the old or the new one after the next run', { timeout: 60_000 }, async () => {
    const { decision } = await prepareSite(model.path, loadSite(model.path, context), [], context, change);
    const old = snapshot(model.path);
    using done = temporarySite(model.path);
    applyChanges(done.path, decision);
    const renewed = snapshot(done.path);
    expect(renewed).not.toEqual(old);
    const seen = { old: 0, new: 0 };
    for (let last = 1, died = true; died; last += 1) {
      using site = temporarySite(model.path);
      died = dies(site.path, decision, last);
      recoverSite(site.path);
      const is = snapshot(site.path).join('\n') === old.join('\n') ? 'old' : 'new';
      expect(snapshot(site.path), `operation ${last}`).toEqual(is === 'old' ? old : renewed);
      expectWhole(site.path);
      seen[is] += 1;
    }
    expect(Math.min(seen.old, seen.new)).toBeGreaterThan(3);
  });
});
