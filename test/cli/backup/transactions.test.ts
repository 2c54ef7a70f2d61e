import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cureOf, describeTransactions, showTransactions, type TransactionsAsked } from '../../../cli/backup/transactions.ts';
import type { RuntimeContext } from '../../../cli/stoppable.ts';
import { operator, signer } from '../../runtime/format/keys.ts';

const one = (id: string, bytes: number, deleted: number, ...statements: readonly string[]) => ({
  id,
  at: '2026-03-29T14:07:00.000Z',
  bytes,
  tables: [{ name: 'shop.orders', inserted: 0, updated: 0, deleted }],
  statements,
  isOpaque: false,
  history: '01JD5Z5M2R0000000000000001',
  full: '01JD5Z5M2R0000000000000001',
});

const asked: TransactionsAsked = {
  site: '/srv/shop',
  json: false,
  database: undefined,
  since: undefined,
  until: undefined,
  table: undefined,
  limit: '50',
  largest: false,
  key: undefined,
};

describe('what to type next', () => {
  test('is the restore to just before, of the database, the site, the key and the cluster that were named', () => {
    expect(cureOf('0-1-7', undefined, asked, '/srv/shop')).toEqual({
      copy: null,
      restore: 'berth restore --only database --before 0-1-7 --into scratch',
    });
    const cluster = { kubeconfig: '/etc/my kube/config', context: 'prod' };
    expect(cureOf('0-1-7', 'books', { ...asked, key: '/usb/shop.key', cluster }, '/').restore).toBe(
      "berth restore --only database --name books --before 0-1-7 --into scratch --site /srv/shop --key /usb/shop.key --kubeconfig '/etc/my kube/config' --context prod",
    );
  });

  test('says behind which full backup, where the same number may be another transaction', () => {
    expect(cureOf('0-1-7', undefined, { ...asked, full: '01JD5Z5M2R0000000000000001' }, '/srv/shop').restore).toBe(
      'berth restore --only database --before 0-1-7 --into scratch --full 01JD5Z5M2R0000000000000001',
    );
  });

  test('is to bring back first what was read at the second place', () => {
    expect(cureOf('0-1-7', undefined, { ...asked, from: 'offsite' }, '/')).toEqual({
      copy: 'berth backup copy --from offsite --site /srv/shop',
      restore: 'berth restore --only database --before 0-1-7 --into scratch --site /srv/shop',
    });
  });
});

const listed = {
  database: 'orders',
  since: '2026-03-29T14:00:00.000Z',
  until: '2026-03-29T14:20:00.000Z',
  logUntil: '2026-03-29T14:21:07.000Z',
  matched: 9,
  holes: [{ from: '2026-03-29T14:05:00.000Z', until: '2026-03-29T14:06:00.000Z' }],
  transactions: [{ ...one('a', 900, 0, 'DROP TABLE x.\u001b[2J'), at: '2026-03-29T14:01:00.000Z' }, one('b', 10, 3)],
  suspect: one('b', 10, 3),
};
const cure = { copy: null, restore: 'berth restore --only database --before b --into scratch' };

describe('the list of transactions', () => {
  const shown = (
    largest: boolean,
    changes: Partial<Parameters<typeof describeTransactions>[0]> = {},
    next = cure,
    table?: string,
  ): readonly string[] => {
    const text: string[] = [];
    const context = { out: (line: string) => void text.push(line), color: false, columns: 200 };
    describeTransactions({ ...listed, ...changes }, { largest, table }, next, context);
    return text.join('').split('\n');
  };

  test('tells of a hole where it is, how far the log reaches, and ends with the restore', () => {
    const lines = shown(false);
    const hole = lines.findIndex((line) => line.includes('there is no log from 2026-03-29 14:05:00.000Z to 2026-03-29 14:06:00.000Z'));
    expect([lines[hole - 1], lines[hole + 1]]).toEqual([
      expect.stringContaining('DROP TABLE x.?[2J'),
      expect.stringContaining('shop.orders -3'),
    ]);
    expect(lines).toContainEqual(expect.stringMatching(/^log until 2026-03-29 14:21:07.000Z/));
    expect(lines).toContainEqual(expect.stringContaining('2 of 9 are shown, the newest'));
    expect(lines.slice(-3, -1)).toEqual(['to just before the one that removes most, or is the largest:', `→ ${cure.restore}`]);
  });

  test('says what is counted, and of which transaction there was more before the log that was read', () => {
    const partial = { transactions: listed.transactions.map((each) => ({ ...each, isPartial: true })) };
    expect(shown(false, { counts: 'rows', ...partial }).join('\n')).toMatch(
      /shop\.orders -3, and what it did before the log that was read\n[^]*\n\+ ~ - count rows inserted/,
    );
    expect(shown(false)).toContainEqual(
      expect.stringMatching(/^\+ ~ - count what the log holds .*: events of up to some 8 KiB, not rows$/),
    );
  });

  test('says that names are of before a renaming, where one is looked for among those of PostgreSQL', () => {
    const said = expect.stringMatching(/^note: orders is looked for among the names of the time of the backup/);
    expect(shown(false, { counts: 'rows' }, cure, 'orders')).toContainEqual(said);
    expect(shown(false, { counts: 'rows' })).not.toContainEqual(said);
    expect(shown(false, { counts: 'events' }, cure, 'orders')).not.toContainEqual(said);
  });

  test('tells of a hole behind it where the largest come first', () => {
    expect(shown(true)).toContainEqual(expect.stringMatching(/^note: there is no log from 2026-03-29 14:05/));
  });

  test('tells of a log that lies there and cannot be read, and names it', () => {
    const hole = { ...listed.holes[0]!, unreadable: ['01A', '01B'] };
    const said = shown(true, { holes: [hole] })
      .join(' ')
      .replaceAll(/\s+/g, ' ');
    expect(said).toContain('cannot be read: 01A and 1 more are broken, or what it follows is missing; see `berth backup show 01A`');
    expect(said).not.toContain('there is no log');
  });

  test('names no more of what one transaction did than fits into a line', () => {
    const names = Array.from({ length: 20 }, (_, n) => `DROP TABLE shop.t${n}`);
    const lines = shown(false, { transactions: [{ ...one('a', 1, 0, ...names), tables: [], isOpaque: true }], holes: [] });
    expect(lines).toContainEqual(expect.stringMatching(/DROP TABLE shop\.t7, 12 more, and what is not looked into$/));
  });

  test('offers none where not all could be looked into, nor where there is none, and both steps where the second place was read', () => {
    const last = (lines: readonly string[]) => lines.slice(-3, -1);
    expect(last(shown(false, { suspect: null }))[0]).toMatch(/^which one removes most is not known/);
    expect(shown(false, { suspect: null, transactions: [], matched: 0 }).join('')).not.toContain('→');
    expect(last(shown(false, {}, { ...cure, copy: 'berth backup copy --from offsite' } as never))).toEqual([
      '→ berth backup copy --from offsite',
      `→ ${cure.restore}`,
    ]);
  });

  test('names the history of each where there are several', () => {
    const transactions = [one('0-1-7', 10, 3), { ...one('0-1-7', 10, 3), history: '01JD5Z5M2R0000000000000002' }];
    const lines = shown(false, { transactions, holes: [] });
    expect(lines.filter((line) => /01JD5Z5M2R000000000000000[12] +0-1-7/.test(line))).toHaveLength(2);
    expect(lines).toContainEqual(expect.stringMatching(/^note: these are of 2 histories/));
    expect(shown(false).join('')).not.toContain('01JD5Z5M2R');
  });
});

describe('the log of a database', () => {
  const context = {
    abortable: (work: (signal: AbortSignal) => Promise<unknown>) => work(new AbortController().signal),
    interactive: false,
    env: {},
  } as unknown as RuntimeContext;

  test('is looked into without reading what there is of other sources', async () => {
    const home = mkdtempSync(join(tmpdir(), 'berth-transactions-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const asks: string[] = [];
    const store = createServer(({ url }, answer) => {
      asks.push(new URL(url ?? '', 'http://store').searchParams.get('prefix') ?? '');
      answer.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    });
    store.listen(0, '127.0.0.1');
    await once(store, 'listening');
    onTestFinished(() => void store.close());
    const bucket = {
      endpoint: `http://127.0.0.1:${(store.address() as AddressInfo).port}`,
      name: 'backups',
      accessKey: 'shop',
      secretKey: 'store.key',
      region: 'us-east-1',
      addressing: 'path',
    };
    const golden = readFileSync(join(import.meta.dirname, '../../golden/hello-backups-mysql/config/agent-mysql/runtime.yaml'), 'utf8');
    const config = golden
      .replace(/store:\n(?: {4}.*\n)+/, () => `store: ${JSON.stringify({ tier: 1, bucket, lease: 'store' })}\n`)
      .replace('/etc/berth/backup/signers.pem', 'signers.pem');
    writeFileSync(join(home, 'runtime.yaml'), config);
    writeFileSync(join(home, 'store.key'), 'hidden');
    // What every store is given with its first backup.
    mkdirSync(join(home, 'dist'));
    for (const name of ['RESTORE.md', 'restore.mjs']) writeFileSync(join(home, 'dist', name), '');
    writeFileSync(join(home, 'signers.pem'), signer.publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(home, 'operator.key'), operator.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await expect(showTransactions({ ...asked, site: home, key: join(home, 'operator.key') }, { ...context, root: home })).rejects.toThrow(
      'there is no log of it in the backups',
    );
    expect(asks).toEqual([expect.stringMatching(/^v1\/hello\/database\/manifests\/$/), expect.stringMatching(/^v1\/hello\/database\//)]);
  });

  test.each(['0', '10001', '999999', 'all'])('is not looked into for %s transactions', async (limit) => {
    await expect(showTransactions({ ...asked, limit }, context)).rejects.toMatchObject({
      kind: 'usage',
      hint: 'write one from 1 to 10000, and ask for a shorter time',
    });
  });
});
