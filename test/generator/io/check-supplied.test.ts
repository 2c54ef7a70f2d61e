import { X509Certificate, createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkSupplied } from '../../../generator/io/check-supplied.ts';
import type { CheckedCertificate } from '../../../generator/io/check-supplied.ts';
import { parseCertificates, parseKey } from '../../../generator/io/supplied-files.ts';
import { company, issue } from './issued-certificates.ts';
import type { Issued } from './issued-certificates.ts';

const now = new Date('2026-12-01T12:00:00Z');
const { root, intermediate, leaf } = await company(now);
const good = await leaf();

const check = (own: Issued, above: readonly Issued[], more: { key?: Issued; domain?: string } = {}) =>
  checkSupplied({
    file: 'shop.crt',
    keyFile: 'shop.key',
    certificates: [own, ...above].map(({ pem }) => new X509Certificate(pem)),
    key: (more.key ?? own).key,
    domain: more.domain ?? 'shop.example.com',
    now,
  });
const said = (own: Issued, above: readonly Issued[] = [intermediate, root], more = {}): readonly string[] =>
  check(own, above, more).problems.map(({ message, hint }) => {
    expect(hint).toMatch(/./);
    return message;
  });

describe('a supplied certificate', () => {
  test('with its chain and its root is good', () => {
    const { problems, chain } = check(good, [intermediate, root]) as CheckedCertificate;
    expect(problems).toEqual([]);
    expect(chain.sent.map(({ subject }) => subject)).toEqual(['CN=shop.example.com', 'CN=Company servers']);
    expect(chain.root?.subject).toBe('CN=Company root');
  });

  test('is put in order, whatever order the file has', () => {
    const { problems, chain } = checkSupplied({
      file: 'a',
      keyFile: 'b',
      certificates: [root, good, intermediate].map(({ pem }) => new X509Certificate(pem)),
      key: good.key,
      domain: 'shop.example.com',
      now,
    }) as CheckedCertificate;
    expect(problems).toEqual([]);
    expect(chain.sent.map(({ subject }) => subject)).toEqual(['CN=shop.example.com', 'CN=Company servers']);
  });

  test('with certificates that are not its own is good without them', async () => {
    const stray = await issue({ subject: 'Somebody else', ca: true, now });
    const { problems, chain } = check(good, [stray, intermediate, root]) as CheckedCertificate;
    expect(problems).toEqual([]);
    expect(chain.strays.map(({ subject }) => subject)).toEqual(['CN=Somebody else']);
  });

  test('that signs itself is its own authority', async () => {
    const own = await issue({ subject: 'shop.example.com', names: ['shop.example.com'], ca: true, now });
    const { problems, chain } = check(own, []) as CheckedCertificate;
    expect(problems).toEqual([]);
    expect([chain.sent.length, chain.root]).toEqual([1, chain.sent[0]]);
  });

  test('without what is above it is refused, and the missing one is named', () => {
    expect(said(good, [])).toEqual(['the chain ends at shop.example.com, issued by Company servers, which is not among the files']);
    expect(said(good, [intermediate])).toEqual(['the chain ends at Company servers, issued by Company root, which is not among the files']);
  });

  test('is not taken for signed by an authority that only has the right name', async () => {
    const namesake = await issue({ subject: 'Company servers', by: root, ca: true, now });
    expect(said(good, [namesake, root])).toEqual([expect.stringContaining('issued by Company servers, which is not among the files')]);
  });

  test('whose key is another one is refused, with the commands that compare them', async () => {
    const { problems } = check(good, [intermediate, root], { key: await leaf() });
    expect(problems).toMatchObject([
      {
        file: 'shop.key',
        message: 'the key fits none of the certificates (shop.example.com, Company servers, Company root)',
        hint: expect.stringContaining('openssl pkey -in shop.key -pubout') as string,
      },
    ]);
  });

  test.each([
    { what: 'has expired', more: { from: -90, until: -1 }, message: 'shop.example.com has expired on 2026-11-30' },
    { what: 'is not valid yet', more: { from: 2 }, message: 'shop.example.com is not valid before 2026-12-03' },
    {
      what: 'is for another name',
      more: { names: ['store.example.com', '192.0.2.1'] },
      message: 'is not for shop.example.com: it names store.example.com, 192.0.2.1',
    },
    { what: 'has a common name only', more: { names: [] }, message: 'is not for shop.example.com: it has no names (subjectAltName)' },
    { what: 'has a short RSA key', more: { key: 'RSA 1024' }, message: 'has an RSA key of 1024 bits; clients want 2048 or more' },
    {
      what: 'has a key of a kind that browsers do not know',
      more: { key: 'Ed25519' },
      message: 'has a key of the kind ed25519, which browsers do not know',
    },
    {
      what: 'is for clients only',
      more: { uses: ['1.3.6.1.5.5.7.3.2'] },
      message: 'is not meant for servers (no serverAuth among its extended key usages)',
    },
    { what: 'is an authority’s', more: { ca: true }, message: 'shop.example.com is the certificate of an authority' },
  ] as const)('that $what is refused', async ({ more, message }) => {
    expect(said(await leaf(more))).toEqual([message]);
  });

  test.each(['RSA 2048', 'P-256'] as const)('with a key of the kind %s is good', async (key) => {
    expect(said(await leaf({ key }))).toEqual([]);
  });

  test('signed with SHA-1 is refused', async () => {
    const old = await issue({ subject: 'Old root', ca: true, key: 'RSA SHA-1', now });
    expect(said(await leaf({ by: old }), [old])).toEqual([expect.stringMatching(/sha1.*which clients refuse/i)]);
  });

  test('is good for a wildcard, and for an address', async () => {
    expect(said(await leaf({ names: ['*.example.com'] }))).toEqual([]);
    expect(said(await leaf({ names: ['192.0.2.1'] }), [intermediate, root], { domain: '192.0.2.1' })).toEqual([]);
  });

  test('with an authority that has expired is refused by that name', async () => {
    const gone = await issue({ subject: 'Gone', ca: true, from: -99, until: -9, now });
    expect(said(await leaf({ by: gone }), [gone])).toEqual(['Gone has expired on 2026-11-22']);
  });

  test('with several faults has all of them told', async () => {
    expect(said(await leaf({ names: [], until: -0.5, key: 'RSA 1024' }), [])).toHaveLength(4);
  });
});

const file = (text: string | Buffer) => ['shop.pem', Buffer.from(text)] as const;

describe('a file of certificates', () => {
  test('may hold several, and other things beside', () => {
    const found = parseCertificates(...file(`Bag Attributes\n${good.pem}junk\n${good.keyPem}${intermediate.pem}`));
    expect('value' in found && found.value.map(({ subject }) => subject)).toEqual(['CN=shop.example.com', 'CN=Company servers']);
  });

  test.each([
    { what: 'binary', bytes: new X509Certificate(good.pem).raw, says: /openssl x509 -inform der -in shop\.pem/ },
    { what: 'a key alone', bytes: Buffer.from(good.keyPem), says: /BEGIN CERTIFICATE/ },
    { what: 'empty', bytes: Buffer.alloc(0), says: /BEGIN CERTIFICATE/ },
    { what: 'broken', bytes: Buffer.from(good.pem.replace(/\n.{20}/, '\n')), says: /openssl x509 -noout -text/ },
  ])('that is $what is refused with the command that helps', ({ bytes, says }) => {
    expect(parseCertificates('shop.pem', bytes)).toMatchObject({
      problem: { file: 'shop.pem', hint: expect.stringMatching(says) as string },
    });
  });
});

describe('a file with a key', () => {
  const exported = (options: object) => good.key.export({ type: 'pkcs8', format: 'pem', ...options } as never) as string;

  test.each([good.keyPem, good.key.export({ type: 'sec1', format: 'pem' }).toString(), good.pem + good.keyPem])('is read', (text) => {
    const found = parseKey(...file(text));
    expect('value' in found && found.value.equals(good.key)).toBe(true);
  });

  test.each([
    {
      what: 'encrypted',
      bytes: Buffer.from(exported({ cipher: 'aes-256-cbc', passphrase: 'x' })),
      says: /openssl pkey -in shop\.key -out shop\.key\.plain/,
    },
    {
      what: 'encrypted in the old way',
      bytes: Buffer.from(
        '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n',
      ),
      says: /openssl pkey/,
    },
    { what: 'binary', bytes: good.key.export({ type: 'pkcs8', format: 'der' }), says: /-inform der/ },
    { what: 'a certificate', bytes: Buffer.from(good.pem), says: /BEGIN PRIVATE KEY/ },
    { what: 'two keys', bytes: Buffer.from(good.keyPem + root.keyPem), says: /leave the one/ },
    { what: 'broken', bytes: Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'), says: /openssl pkey -noout/ },
  ])('that is $what is refused with the command that helps', ({ bytes, says }) => {
    expect(parseKey('shop.key', bytes)).toMatchObject({ problem: { file: 'shop.key', hint: expect.stringMatching(says) as string } });
    expect(() => createPrivateKey(good.keyPem)).not.toThrow();
  });
});
