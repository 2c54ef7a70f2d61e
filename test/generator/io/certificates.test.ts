import { X509Certificate, createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  drawCertificates,
  drawServers,
  importedPair,
  importedTrouble,
  renewCertificates,
  tlsFiles,
} from '../../../generator/io/certificates.ts';
import { emptyLedger, formatLedger, parseLedger } from '../../../generator/io/ledger.ts';
import type { KeyPair, Ledger } from '../../../generator/io/ledger.ts';
import { seeded } from '../render/hello.ts';

const day = 86_400_000;
const now = new Date('2026-12-01T12:00:00Z');
const later = (days: number): Date => new Date(now.getTime() + days * day);
const draw = (ledger: Ledger, domain: string, at = now, more: readonly string[] = []) =>
  drawCertificates(ledger, [domain, ...more], 'shop', at, seeded(`certificates ${at.toISOString()}`));
const read = (pair: KeyPair | undefined) => new X509Certificate(pair?.certificate ?? '');

const first = await draw(emptyLedger, 'shop.example.com');
const [authority, leaf] = [read(first.authority), read(first.leaf)];

describe('the certificates of a site', () => {
  test('are a chain that verifies: the authority signs itself and the leaf, nobody else does', async () => {
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.verify(leaf.publicKey)).toBe(false);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.verify(read((await draw(emptyLedger, 'shop.example.com', later(1))).authority).publicKey)).toBe(false);
  });

  test('belong to their keys, which are EC P-256', () => {
    for (const [certificate, pair] of [
      [authority, first.authority],
      [leaf, first.leaf],
    ] as const) {
      expect(certificate.checkPrivateKey(createPrivateKey(pair?.key.reveal() ?? ''))).toBe(true);
      expect([certificate.publicKey.asymmetricKeyType, certificate.publicKey.asymmetricKeyDetails?.namedCurve]).toEqual([
        'ec',
        'prime256v1',
      ]);
    }
  });

  test('say who may sign: the authority, and nobody below it', () => {
    expect([authority.ca, leaf.ca]).toEqual([true, false]);
    expect(authority.subject).toContain('CN=shop authority');
    expect(leaf.issuer).toBe(authority.subject);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('are good for the domain and for the machine itself', () => {
    expect(leaf.subjectAltName).toBe('DNS:shop.example.com, DNS:localhost, IP Address:127.0.0.1');
    expect([
      leaf.checkHost('shop.example.com'),
      leaf.checkHost('localhost'),
      leaf.checkIP('127.0.0.1'),
      leaf.checkHost('example.com'),
      leaf.checkHost('x.shop.example.com'),
    ]).toEqual(['shop.example.com', 'localhost', '127.0.0.1', undefined, undefined]);
  });

  test('hold since an hour ago, the leaf for 397 days and the authority for ten years', () => {
    const span = ({ validFromDate, validToDate }: X509Certificate) => [
      validFromDate.getTime() - now.getTime(),
      (validToDate.getTime() - now.getTime()) / day,
    ];
    expect([span(leaf), span(authority)]).toEqual([
      [-3_600_000, 397],
      [-3_600_000, 3650],
    ]);
    expect([first.leaf?.notAfter, first.authority?.notAfter]).toEqual([
      leaf.validToDate.toISOString(),
      authority.validToDate.toISOString(),
    ]);
  });

  test('have serial numbers that are positive and of their own', () => {
    for (const { serialNumber } of [authority, leaf]) expect(serialNumber).toMatch(/^01[0-9A-F]{30}$/);
    expect(authority.serialNumber).not.toBe(leaf.serialNumber);
  });

  test('for localhost name it once', async () => {
    expect(read((await draw(emptyLedger, 'localhost')).leaf).subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
  });
});

describe('drawing them again', () => {
  test('changes nothing while more than 30 days are left', async () => {
    expect(await draw(first, 'shop.example.com', later(366))).toBe(first);
  });

  test('replaces the leaf, and only it, when 30 days are left', async () => {
    const renewed = await draw(first, 'shop.example.com', later(367));
    expect(renewed.authority).toBe(first.authority);
    expect(read(renewed.leaf).verify(authority.publicKey)).toBe(true);
    expect(read(renewed.leaf).validToDate).toEqual(later(367 + 397));
    expect(renewed.leaf?.version).toBe(2);
    expect(renewed.leaf?.key.reveal()).not.toBe(first.leaf?.key.reveal());
  });

  test('are good for the names of stores as well, and drawn anew when one is added', async () => {
    const open = await draw(first, 'shop.example.com', now, ['files.example.com']);
    expect(read(open.leaf).checkHost('files.example.com')).toBe('files.example.com');
    expect(open.authority).toBe(first.authority);
    expect((await draw(open, 'shop.example.com', now, ['files.example.com'])).leaf).toBe(open.leaf);
  });

  test('keeps the authority when the domain changes', async () => {
    const moved = await draw(first, 'store.example.com');
    expect(moved.authority).toBe(first.authority);
    expect(read(moved.leaf).checkHost('store.example.com')).toBe('store.example.com');
    expect(read(moved.leaf).verify(authority.publicKey)).toBe(true);
  });

  test('draws both when the authority comes to its end, which no leaf outlives', async () => {
    const near = await draw({ ...first, leaf: undefined }, 'shop.example.com', later(3600));
    expect(near.authority).toBe(first.authority);
    expect(read(near.leaf).validToDate).toEqual(authority.validToDate);
    const over = await draw(near, 'shop.example.com', later(3621));
    expect([over.authority?.version, over.leaf?.version]).toEqual([2, 2]);
    expect(read(over.leaf).verify(read(over.authority).publicKey)).toBe(true);
  });

  test('leaves the secrets of the ledger alone', async () => {
    const secrets = new Map([['a', []]]);
    expect((await draw({ ...emptyLedger, secrets }, 'localhost')).secrets).toBe(secrets);
  });
});

describe('renewing them', () => {
  const renew = (ledger: Ledger, authority: boolean) =>
    renewCertificates(ledger, { hosts: ['shop.example.com'], site: 'shop', now: later(1), random: seeded('renewed'), authority });

  test('draws a leaf, though the old one has long to go, and keeps the authority', async () => {
    const renewed = await renew(first, false);
    expect(renewed.authority).toBe(first.authority);
    expect([renewed.leaf?.version, read(renewed.leaf).validToDate]).toEqual([2, later(398)]);
  });

  test('draws an authority as well where that is asked for', async () => {
    const renewed = await renew(first, true);
    expect([renewed.authority?.version, renewed.leaf?.version]).toEqual([2, 2]);
    expect(read(renewed.leaf).verify(read(renewed.authority).publicKey)).toBe(true);
    expect(read(renewed.leaf).verify(authority.publicKey)).toBe(false);
  });
});

describe('an imported certificate', () => {
  const supplied = { key: 'KEY', chain: 'CHAIN', root: 'ROOT', names: ['shop.example.com'], notAfter: later(40).toISOString() };
  const imported: Ledger = { ...first, leaf: importedPair(first, supplied) };

  test('is what the edge serves, with the authority that it came with', () => {
    expect(tlsFiles(imported)).toEqual({ chain: 'CHAIN', key: 'KEY', root: 'ROOT' });
    expect(imported.leaf?.version).toBe(2);
    expect(tlsFiles(emptyLedger)).toBeUndefined();
  });

  test('survives the ledger', () => {
    expect(tlsFiles(parseLedger(formatLedger(imported)))).toEqual(tlsFiles(imported));
    expect(parseLedger(formatLedger(first)).leaf?.imported).toBeUndefined();
  });

  test.each([
    { when: 'it has expired', domain: 'shop.example.com', at: later(50) },
    { when: 'the domain changed', domain: 'store.example.com', at: now },
    { when: 'the own authority comes to its end', domain: 'shop.example.com', at: later(3640) },
  ])('is never drawn anew, not even when $when', async ({ domain, at }) => {
    expect((await draw(imported, domain, at)).leaf).toBe(imported.leaf);
  });

  test.each([
    { domain: 'shop.example.com', at: later(9), says: undefined },
    { domain: 'shop.example.com', at: later(11), says: /expires on 2027-01-10, in 29 days/ },
    { domain: 'shop.example.com', at: later(41), says: /has expired on 2027-01-10/ },
    { domain: 'store.example.com', at: now, says: /is not for store\.example\.com, it names shop\.example\.com/ },
  ])('for $domain at $at is spoken of when somebody must see to it', ({ domain, at, says }) => {
    const trouble = importedTrouble(imported.leaf, [domain], at);
    if (says === undefined) expect(trouble).toBeUndefined();
    else expect(trouble).toMatch(says);
    expect(importedTrouble(first.leaf, ['elsewhere'], later(9999))).toBeUndefined();
  });

  test('for a wildcard covers one label and no more', () => {
    const wild = importedPair(first, { ...supplied, names: ['*.example.com'] });
    const trouble = (domain: string) => importedTrouble(wild, [domain], now) === undefined;
    expect([trouble('shop.example.com'), trouble('a.shop.example.com'), trouble('example.com')]).toEqual([true, false, false]);
  });
});

describe('what services speak TLS with', () => {
  const wanted = [{ service: 'database', names: ['database', '127.0.0.1'] }];
  const drawn = (ledger: Ledger, servers = wanted, at = now) => drawServers(ledger, ledger, servers, at, seeded('servers'));
  const versionOf = (ledger: Ledger) => ledger.servers?.get('database')?.version;

  test('is drawn once, kept, and read back from the ledger as it was written', async () => {
    const once = await drawn(first);
    expect(read(once.servers?.get('database')).verify(authority.publicKey)).toBe(true);
    expect((await drawn(once)).servers).toBe(once.servers);
    const again = parseLedger(formatLedger(once));
    expect(formatLedger(again)).toBe(formatLedger(once));
    expect((await drawn(again)).servers).toBe(again.servers);
  });

  test('is drawn anew for another name, by another authority, and when that one soon ends; each time it is the next version', async () => {
    const once = await drawn(first);
    expect(versionOf(await drawn(once, [{ service: 'database', names: ['database', 'database.hello.svc'] }]))).toBe(2);
    const renewed = await renewCertificates(once, {
      hosts: ['shop.example.com'],
      site: 'shop',
      now,
      random: seeded('other'),
      authority: true,
    });
    const after = await drawn(renewed);
    expect(versionOf(after)).toBe(2);
    expect(read(after.servers?.get('database')).verify(read(after.authority).publicKey)).toBe(true);
    expect(versionOf(await drawn(await draw(once, 'shop.example.com', later(3630)), wanted, later(3630)))).toBe(2);
  });

  test('is nothing where nobody asks for it', async () => {
    expect(await drawn(first, [])).toBe(first);
  });
});
