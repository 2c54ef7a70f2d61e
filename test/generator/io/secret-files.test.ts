import { createHash, webcrypto } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { drawAgain, drawMissing, emptyLedger, retireBefore } from '../../../generator/io/ledger.ts';
import type { Ledger } from '../../../generator/io/ledger.ts';
import { formerKey, keyFileOf, renderSecretFiles } from '../../../generator/io/secret-files.ts';
import { sha256Crypt } from '../../../generator/io/sha256-crypt.ts';
import { Secret } from '../../../model/secret.ts';
import { helloPlan, prepareHello, seeded } from '../render/hello.ts';

const plan = helloPlan({ set: { 'services.web.secrets': { SESSION_KEY: { length: 64 }, TOKEN: { deliver: 'file' } } } });
const ledger = drawMissing(emptyLedger, plan.secrets, seeded('secret files'), new Date('2026-12-01T12:00:00Z'));
const files = new Map(renderSecretFiles(plan, ledger).map((file) => [file.path, file]));
const content = (path: string): string => files.get(path)?.content ?? '';
const value = (name: string): string => ledger.secrets.get(name)?.at(-1)?.reveal() ?? '';

const { subtle } = webcrypto;
const base64 = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('base64');
async function hmac(key: ArrayBuffer | Uint8Array<ArrayBuffer>, text: string): Promise<ArrayBuffer> {
  return subtle.sign('HMAC', await subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']), Buffer.from(text));
}

/** SCRAM-SHA-256 of RFC 5802 and RFC 7677 by WebCrypto: both keys of a password. */
async function scramKeys(
  password: string,
  salt: string,
  iterations: number,
): Promise<{ readonly storedKey: string; readonly serverKey: ArrayBuffer }> {
  const material = await subtle.importKey('raw', Buffer.from(password), 'PBKDF2', false, ['deriveBits']);
  const salted = await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: Buffer.from(salt, 'base64'), iterations }, material, 256);
  return {
    storedKey: base64(await subtle.digest('SHA-256', await hmac(salted, 'Client Key'))),
    serverKey: await hmac(salted, 'Server Key'),
  };
}

describe('the verifiers of a MySQL and a MariaDB', () => {
  const of = (engine: string) => {
    const made = helloPlan({ set: { 'databases.database.engine': engine } });
    const drawn = drawMissing(emptyLedger, made.secrets, seeded(engine), new Date('2026-12-01'));
    const written = new Map(renderSecretFiles(made, drawn).map((file) => [file.path, file.content]));
    return {
      file: (name: string) => written.get(`secrets/database-${name}`) ?? '',
      secret: (name: string) => drawn.secrets.get(`database-${name}`)?.at(-1)?.reveal() ?? '?',
      files: written,
    };
  };

  test('are what each engine would have stored for the password', () => {
    const [mysql, mariadb] = [of('mysql'), of('mariadb')];
    for (const [file, secret] of [
      ['verifier', 'app'],
      ['health-verifier', 'health'],
    ] as const) {
      const [, salt = '', hash] = /^\$A\$005\$([A-Za-z0-9_-]{20})([./A-Za-z0-9]{43})$/.exec(mysql.file(file)) ?? [];
      expect(hash).toBe(sha256Crypt(mysql.secret(secret), salt, 5000));
      const sha1 = (value: string | Buffer) => createHash('sha1').update(value).digest();
      expect(mariadb.file(file)).toBe(
        `*${sha1(sha1(mariadb.secret(secret)))
          .toString('hex')
          .toUpperCase()}`,
      );
    }
    expect(of('mysql').file('verifier')).toBe(mysql.file('verifier'));
    expect(mysql.file('verifier').slice(7, 27)).not.toBe(mysql.file('health-verifier').slice(7, 27));
  });

  test('are all that the task learns of a password but the administrator’s, which stands in an option file of its client', () => {
    const { files: written, file, secret } = of('mysql');
    expect(file('admin-client')).toBe(`[client]\nuser=root\npassword=${secret('admin')}\n`);
    expect(file('health-client')).toBe(`[client]\nuser=berth_health\npassword=${secret('health')}\n`);
    expect(file('admin')).toBe(secret('admin'));
    const holding = (text: string) =>
      [...written].filter(([path, held]) => path !== 'secrets/ledger.json' && held.includes(text)).map(([path]) => path);
    expect(holding(secret('app'))).toEqual(['secrets/web.env']);
    expect(holding(secret('health'))).toEqual(['secrets/database-health-client']);
    expect(holding(secret('admin'))).toEqual(['secrets/database-admin', 'secrets/database-admin-client']);
  });

  test('open the database of the application by an address that names its engine', () => {
    const { files: written, secret } = of('mariadb');
    expect(written.get('secrets/web.env')).toContain(`DATABASE_URL=mysql://hello:${secret('app')}@database:3306/hello\n`);
  });
});

describe('the verifier of a database account', () => {
  test('is checked by an implementation that passes the example of RFC 7677', async () => {
    const { serverKey } = await scramKeys('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096);
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    expect(
      base64(await hmac(serverKey, `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`)),
    ).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  test('is what PostgreSQL would have stored for the password', async () => {
    const match = /^SCRAM-SHA-256\$4096:([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/.exec(
      content('secrets/database-verifier'),
    );
    const [, salt = '', storedKey, serverKey] = match ?? [];
    const expected = await scramKeys(value('database-app'), salt, 4096);
    expect([storedKey, serverKey]).toEqual([expected.storedKey, base64(expected.serverKey)]);
  });

  test('is the same for the same password, and has another salt for another password or account', () => {
    const salt = (text: string) => /:([^$]*)/.exec(text)?.[1];
    const again = renderSecretFiles(plan, ledger).find(({ path }) => path === 'secrets/database-verifier')?.content ?? '';
    expect(again).toBe(content('secrets/database-verifier'));
    const rotated = {
      ...ledger,
      secrets: new Map([...ledger.secrets, ['database-app', [new Secret(value('database-app')), new Secret('another')]]]),
    };
    const other = helloPlan({ set: { 'databases.database.name': 'orders' } });
    for (const files of [renderSecretFiles(plan, rotated), renderSecretFiles(other, ledger)])
      expect(salt(files.find(({ path }) => path === 'secrets/database-verifier')?.content ?? '')).not.toBe(salt(again));
  });
});

describe('the files of an account while its password is drawn anew', () => {
  const secretOf = (made: typeof plan) =>
    made.secrets.find(({ name }) => name === 'database-app') ?? expect.unreachable('it has no such secret');
  const steps = (made: typeof plan) => {
    const random = seeded('turns');
    const now = new Date('2026-12-01T12:00:00Z');
    const rotate = (from: Ledger) => drawAgain(from, secretOf(made), random, now);
    const first = drawMissing(emptyLedger, made.secrets, random, now);
    const second = rotate(first);
    const retired = retireBefore(second, 'database-app');
    const third = rotate(retired);
    return [first, second, retired, third, retireBefore(third, 'database-app')].map((kept) => {
      const written = new Map(renderSecretFiles(made, kept).map(({ path, content: text }) => [path, text]));
      const versions = (kept.secrets.get('database-app') ?? []).map((version) => version.reveal());
      return { file: (name: string) => written.get(`secrets/${name}`) ?? '', versions };
    });
  };
  /** The names of the files, each with what stands in it: one of the versions, by its number, or nothing. */
  const told = (made: typeof plan, names: readonly string[]) => {
    const made5 = steps(made);
    const known = new Map<string, number>();
    // Each verifier was the one in force once.
    made5.forEach(({ file, versions }) =>
      names.forEach((name) => {
        if (file(name) !== '' && !known.has(file(name))) known.set(file(name), versions.length);
      }),
    );
    return made5.map(({ file }) => names.map((name) => known.get(file(name)) ?? 0));
  };

  test('open two logins of PostgreSQL in turn, the one before until it is retired', () => {
    expect(told(plan, ['database-verifier', 'database-verifier-second'])).toEqual([
      [1, 0],
      [1, 2],
      [0, 2],
      [3, 2],
      [3, 0],
    ]);
    const logins = steps(plan).map(({ file, versions }) => {
      const [, login, password] = /^DATABASE_URL=postgres:\/\/([^:]+):([^@]+)@/m.exec(file('web.env')) ?? [];
      expect(file('web.env')).toContain(`DATABASE_READ_URL=postgres://${login}:${password}@`);
      return [login, versions.indexOf(password ?? '') + 1];
    });
    expect(logins).toEqual([
      ['hello', 1],
      ['hello_berth', 2],
      ['hello_berth', 2],
      ['hello', 3],
      ['hello', 3],
    ]);
  });

  test.each(['mysql', 'mariadb'])('hold two passwords of one account of %s', (engine) => {
    const made = helloPlan({ set: { 'databases.database.engine': engine } });
    expect(told(made, ['database-verifier', 'database-verifier-before'])).toEqual([
      [1, 0],
      [2, 1],
      [2, 0],
      [3, 2],
      [3, 0],
    ]);
    for (const { file, versions } of steps(made)) expect(file('web.env')).toContain(`mysql://hello:${versions.at(-1)}@`);
  });

  test('give PgBouncer a line for each login that counts, with the verifier that the server has', () => {
    const made = helloPlan({ set: { 'databases.database.pgbouncer': {} } });
    for (const { file } of steps(made))
      expect(file('database-pgbouncer-users')).toBe(
        [
          ['hello', 'database-verifier'],
          ['hello_berth', 'database-verifier-second'],
        ]
          .map(([login = '', name = '']) => (file(name) === '' ? '' : `"${login}" "${file(name)}"\n`))
          .join(''),
      );
  });

  test('never hold a password where its verifier does', () => {
    for (const { file, versions } of steps(plan))
      for (const version of versions) expect(file('database-verifier') + file('database-verifier-second')).not.toContain(version);
  });
});

describe('secret files', () => {
  test('that containers mount are 0444, those that only Compose and Berth read 0600', () => {
    expect(Object.fromEntries([...files.values()].map(({ path, mode }) => [path, mode.toString(8)]))).toEqual({
      'secrets/database-admin': '444',
      'secrets/database-verifier': '444',
      'secrets/database-verifier-second': '444',
      'secrets/cache-acl': '444',
      'secrets/files-root': '444',
      'secrets/files-app': '444',
      'secrets/web-TOKEN': '444',
      'secrets/web.env': '600',
      'secrets/ledger.json': '600',
    });
    expect([...files.values()].every(({ policy }) => policy === 'secret')).toBe(true);
  });

  test('of certificates are mounted, the authority’s key is in the ledger only', async () => {
    const { decision, ledger: drawn } = await prepareHello();
    const chain = `${drawn.leaf?.certificate ?? ''}${drawn.authority?.certificate ?? ''}`;
    const tls = decision.changes.filter(({ path }) => path.startsWith('secrets/tls/'));
    expect(tls.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ['secrets/tls/ca.crt', '444'],
      [keyFileOf(chain), '444'],
      ['secrets/tls/site.crt', '444'],
    ]);
    expect(tls.map(({ content: text }) => text)).toEqual([drawn.authority?.certificate, drawn.leaf?.key.reveal(), chain]);
    const body = drawn.authority?.key.reveal().split('\n')[1] ?? '?';
    expect(decision.changes.filter(({ content: text = '' }) => text.includes(body)).map(({ path }) => path)).toEqual([
      'secrets/ledger.json',
    ]);
  });

  test('of certificates keep the key of the one that is served, until another one was served since', async () => {
    const { ledger: drawn } = await prepareHello();
    const chain = `${drawn.leaf?.certificate ?? ''}${drawn.authority?.certificate ?? ''}`;
    const kept = (present: Readonly<Record<string, string>>) =>
      formerKey(drawn, new Map(Object.entries(present))).map(({ path, content: text }) => [path, text]);
    const [older, before, own] = ['older', 'before', chain].map(keyFileOf) as [string, string, string];
    const keys = { [older]: 'key 1', [before]: 'key 2' };
    expect(kept({})).toEqual([]);
    expect(kept({ ...keys, 'secrets/tls/site.crt': 'before' })).toEqual([[before, 'key 2']]);
    expect(kept({ [before]: 'key 2', [own]: 'key 3', 'secrets/tls/site.crt': chain })).toEqual([[before, 'key 2']]);
    expect(kept({ ...keys, 'secrets/tls/site.crt': 'of somebody else' })).toEqual([]);
  });

  test('hold the plain value without a line end, as engines read them', () => {
    expect(content('secrets/database-admin')).toBe(value('database-admin'));
    expect(content('secrets/web-TOKEN')).toBe(value('web-TOKEN'));
    expect(value('web-TOKEN')).toMatch(/^[A-Za-z0-9]{48}$/);
  });

  test('of the cache hold the sha256 of the password and not the password', () => {
    expect(content('secrets/cache-acl').split('\n')[1]).toMatch(
      new RegExp(`^user app on #${createHash('sha256').update(value('cache-app')).digest('hex')} `),
    );
    expect(content('secrets/cache-acl')).not.toContain(value('cache-app'));
  });

  test('of an application hold whole addresses, one variable a line', () => {
    expect(content('secrets/web.env')).toBe(
      [
        `DATABASE_URL=postgres://hello:${value('database-app')}@database:5432/hello`,
        `DATABASE_READ_URL=postgres://hello:${value('database-app')}@database:5432/hello`,
        `REDIS_URL=redis://app:${value('cache-app')}@cache:6379/0`,
        `S3_SECRET_KEY=${value('files-app')}`,
        `SESSION_KEY=${value('web-SESSION_KEY')}`,
        '',
      ].join('\n'),
    );
    expect(value('web-SESSION_KEY')).toHaveLength(64);
  });

  test('are made of the newest version', () => {
    const rotated = { ...ledger, secrets: new Map([...ledger.secrets, ['database-admin', [new Secret('old'), new Secret('new')]]]) };
    expect(renderSecretFiles(plan, rotated).find(({ path }) => path === 'secrets/database-admin')?.content).toBe('new');
  });
});
