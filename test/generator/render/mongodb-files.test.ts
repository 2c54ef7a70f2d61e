import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Script, createContext } from 'node:vm';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { mongodbEngine } from '../../../generator/plan/services/mongodb.ts';
import { prepareHello } from './hello.ts';

interface User {
  pwd: string;
  roles: { role: string; db: string }[];
  mechanisms: string[];
  authenticationRestrictions?: object[];
}
const root = { pwd: 'of-admin', roles: [{ role: 'root', db: 'admin' }], mechanisms: ['SCRAM-SHA-256'] };
const right: User = {
  pwd: 'of-app',
  roles: [
    { role: 'readWrite', db: 'hello' },
    { role: 'dbAdmin', db: 'hello' },
  ],
  mechanisms: ['SCRAM-SHA-256'],
  authenticationRestrictions: [],
};
const refused = Object.assign(new Error('Authentication failed.'), { codeName: 'AuthenticationFailed' });

/** A server as far as the scripts ask it something, and every change that they made. */
class Server {
  readonly changes: string[] = [];
  readonly users = new Map<string, User>();
  member: string | undefined = 'database:27017';
  /** How many questions it leaves unanswered at first. */
  asleep = 0;

  run(script: string): void {
    const globals = {
      disableTelemetry: () => undefined,
      require: () => ({ readFileSync: (path: string) => `of-${path.slice(path.lastIndexOf('-') + 1)}` }),
      sleep: () => undefined,
      connect: (uri: string) => this.connect(new URL(uri)),
      encodeURIComponent,
    };
    new Script(script).runInContext(createContext(globals));
  }

  private connect(uri: URL): object {
    if (this.asleep > 0) {
      this.asleep -= 1;
      throw new Error('connect ECONNREFUSED');
    }
    const home = uri.searchParams.get('authSource') ?? '';
    if (uri.username !== '' && this.users.get(`${home}.${uri.username}`)?.pwd !== uri.password) throw refused;
    return this.database(uri.pathname.slice(1), uri.username);
  }

  private database(name: string, as: string): object {
    return {
      getSiblingDB: (other: string) => this.database(other, as),
      runCommand: (command: { hello?: 1; replSetInitiate?: { members: { host: string }[] } }) => {
        if (command.replSetInitiate && as === '' && this.users.size > 0)
          throw Object.assign(new Error('Command replSetInitiate requires authentication'), { codeName: 'Unauthorized' });
        if (command.replSetInitiate) {
          this.member = command.replSetInitiate.members[0]?.host;
          this.changes.push('initiate');
        }
        return this.member === undefined ? { ok: 1, isWritablePrimary: false } : { ok: 1, setName: 'rs0', isWritablePrimary: true };
      },
      getUser: (user: string) => this.users.get(`${name}.${user}`) ?? null,
      createUser: ({ user, roles, ...rest }: User & { user: string }) => {
        this.changes.push(`create ${name}.${user}`);
        this.users.set(`${name}.${user}`, { ...rest, roles: roles.map((role) => (typeof role === 'string' ? { role, db: name } : role)) });
      },
      dropUser: (user: string) => {
        this.changes.push(`drop ${name}.${user}`);
        this.users.delete(`${name}.${user}`);
      },
      updateUser: (user: string, change: Partial<User>) => {
        this.changes.push(`update ${name}.${user}: ${Object.keys(change).sort().join(' ')}`);
        this.users.set(`${name}.${user}`, { ...(this.users.get(`${name}.${user}`) as User), ...change });
      },
    };
  }
}

describe('the files of a MongoDB', () => {
  let files: ReadonlyMap<string, string>;
  const file = (path: string) => files.get(path) ?? expect.unreachable(`no ${path}`);
  beforeAll(async () => {
    files = (await prepareHello({ set: { 'databases.database.engine': 'mongodb' } })).decision.merged;
  });
  const server = (users: Readonly<Record<string, User>>, more: Partial<Pick<Server, 'member' | 'asleep'>> = {}) => {
    const made = Object.assign(new Server(), more);
    for (const [name, user] of Object.entries(users)) made.users.set(name, structuredClone(user));
    return made;
  };

  test('name each setting where the server looks for it', () => {
    expect(parse(file('config/database/mongod.conf'))).toMatchObject({
      security: { keyFile: '/tmp/keyfile' },
      net: { port: 27_017, bindIpAll: true, unixDomainSocket: { enabled: false }, maxIncomingConnections: expect.any(Number) },
      replication: { replSetName: 'rs0', oplogSizeMB: expect.any(Number) },
      storage: { dbPath: '/data/db/data', wiredTiger: { engineConfig: { cacheSizeGB: expect.any(Number) } } },
      setParameter: { maxIndexBuildMemoryUsageMegabytes: 200, internalQueryMaxBlockingSortMemoryUsageBytes: 104_857_600 },
      operationProfiling: { slowOpThresholdMs: 200 },
    });
  });

  test('begin the set and make the administrator once, wherever an earlier start was stopped', () => {
    const script = file('config/database/first-start.js');
    const fresh = server({}, { member: undefined });
    fresh.run(script);
    expect([fresh.changes, fresh.member]).toEqual([['initiate', 'create admin.root'], 'database:27017']);
    fresh.run(script);
    expect(fresh.changes).toHaveLength(2);
    const halfway = server({});
    halfway.run(script);
    expect(halfway.changes).toEqual(['create admin.root']);
  });

  test('make the account of the application, which owns its database and nothing else, and change nothing at a second run', () => {
    const script = file('config/database-accounts/accounts.js');
    const made = server({ 'admin.root': root }, { asleep: 3 });
    made.run(script);
    expect(made.changes).toEqual(['create hello.hello']);
    expect(made.users.get('hello.hello')).toEqual({ ...right, roles: [...right.roles].reverse() });
    made.run(script);
    expect(made.changes).toHaveLength(1);
  });

  test('begin a set anew with data that were put back, as the administrator whom those bring along', () => {
    const restored = server({ 'admin.root': root, 'hello.hello': right }, { member: undefined });
    restored.run(file('config/database/first-start.js'));
    expect([restored.changes, restored.member]).toEqual([['initiate'], 'database:27017']);
  });

  test('make an account for backups where there are some, which reads everything, and drop it where there are none', async () => {
    const set = { 'databases.database.engine': 'mongodb', 'backups.folder': '/srv/backups' };
    const script = (await prepareHello({ profile: 'minimum', set })).decision.merged.get('config/database-accounts/accounts.js') ?? '';
    const made = server({ 'admin.root': root, 'hello.hello': right });
    made.run(script);
    expect(made.changes).toEqual(['create admin.berth_backup']);
    expect(made.users.get('admin.berth_backup')).toEqual({
      pwd: 'of-backup',
      roles: [
        { role: 'backup', db: 'admin' },
        { role: 'readAnyDatabase', db: 'admin' },
      ],
      mechanisms: ['SCRAM-SHA-256'],
      authenticationRestrictions: [],
    });
    made.run(script);
    expect(made.changes).toHaveLength(1);
    made.run(file('config/database-accounts/accounts.js'));
    expect(made.changes.slice(1)).toEqual(['drop admin.berth_backup']);
  });

  describe('start the server where its data are', () => {
    let volume: string;
    beforeEach(() => (volume = mkdtempSync(join(tmpdir(), 'berth-mongodb-'))));
    afterEach(() => rmSync(volume, { recursive: true }));
    const put = (...names: readonly string[]): void => {
      for (const name of names) {
        mkdirSync(dirname(join(volume, name)), { recursive: true });
        writeFileSync(join(volume, name), name);
      }
    };
    /** What stands before the server itself. */
    const place = () => {
      const [, steps = ''] = /^(volume=[^]*?)^mark=/m.exec(file('config/database/start.sh')) ?? [];
      return promisify(execFile)('bash', ['-euc', steps.replaceAll('/data/db', volume)]);
    };
    const found = (): readonly string[] =>
      readdirSync(volume, { recursive: true, withFileTypes: true })
        .flatMap((one) => (one.isFile() ? [relative(volume, join(one.parentPath, one.name))] : []))
        .sort();

    test('which is a folder of their own in a new volume', async () => {
      put('lost+found/x');
      await place();
      expect([readdirSync(volume).sort(), found()]).toEqual([['data', 'lost+found'], ['lost+found/x']]);
      await place();
      expect(readdirSync(volume).sort()).toEqual(['data', 'lost+found']);
    });

    test.each([
      ['all of them', ['WiredTiger', 'collection-0.wt', 'journal/log.1', 'first-start-done', 'lost+found/x']],
      [
        'what a start that was cut off has left of them',
        ['data.moving/WiredTiger', 'data.moving/journal/log.1', 'collection-0.wt', 'first-start-done', 'lost+found/x'],
      ],
    ])('and into which those of an earlier version are moved: %s', async (_, files) => {
      put(...files);
      await place();
      expect(found()).toEqual(['data/WiredTiger', 'data/collection-0.wt', 'data/first-start-done', 'data/journal/log.1', 'lost+found/x']);
      expect(readdirSync(volume).sort()).toEqual(['data', 'lost+found']);
    });

    test('or where a restore has left them half-way', async () => {
      put('data.restored/WiredTiger', 'data.before-2026/WiredTiger');
      await place();
      expect(found()).toEqual(['data.before-2026/WiredTiger', 'data/WiredTiger']);
    });
  });

  const all = 'update hello.hello: authenticationRestrictions mechanisms pwd roles';
  test.each([
    ['another password', { pwd: 'old' }, 'update hello.hello: pwd'],
    ['a role too many', { roles: [...right.roles, { role: 'root', db: 'admin' }] }, all],
    ['a role too few', { roles: right.roles.slice(1) }, all],
    ['the same role elsewhere', { roles: right.roles.map(({ role }) => ({ role, db: 'other' })) }, all],
    ['an older mechanism', { mechanisms: ['SCRAM-SHA-1', 'SCRAM-SHA-256'] }, all],
    ['a restriction', { authenticationRestrictions: [{ clientSource: ['10.0.0.1'] }] }, all],
  ])('put an account right that has %s', (_, wrong, change) => {
    const made = server({ 'admin.root': root, 'hello.hello': { ...right, ...wrong } });
    made.run(file('config/database-accounts/accounts.js'));
    expect(made.changes).toEqual([change]);
    expect(made.users.get('hello.hello')?.pwd).toBe('of-app');
  });

  test('give up, and say why, when the administrator is never let in', () => {
    const made = server({ 'admin.root': { ...root, pwd: 'another' } });
    expect(() => made.run(file('config/database-accounts/accounts.js'))).toThrow(
      'the database database does not let its administrator in after three minutes: Authentication failed.',
    );
    expect(made.changes).toEqual([]);
  });

  test('hold no password, and are shell and JavaScript that parse', async () => {
    for (const path of ['config/database/start.sh', 'config/database/ready.sh'])
      await promisify(execFile)('bash', ['-n', '-c', file(path)]);
    for (const path of ['config/database/first-start.js', 'config/database-accounts/accounts.js'])
      expect(() => new Script(file(path))).not.toThrow();
    expect(file('config/database/start.sh')).toMatch(
      /chmod 0400 '\/tmp\/keyfile'\n[^]*exec mongod --config '\/etc\/berth\/database\/mongod\.conf'\n$/,
    );
  });

  test.each([
    ['a primary', 1, 0],
    ['one that may not be written to', 0, 1],
  ])('ask in the protocol itself, and know %s by its answer', async (_, primary, code) => {
    const asked: Buffer[] = [];
    const listener = createServer((socket) =>
      socket.on('data', (data) => {
        asked.push(data);
        const document = Buffer.from(`\0\0\0\0\x08isWritablePrimary\0${String.fromCharCode(primary)}\x08secondary\0\x01\0`, 'latin1');
        document.writeInt32LE(document.length, 0);
        const header = Buffer.alloc(21);
        [21 + document.length, 7, 1, 2013].forEach((value, index) => header.writeInt32LE(value, index * 4));
        socket.write(Buffer.concat([header, document]));
      }),
    );
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const folder = mkdtempSync(join(tmpdir(), 'berth-ready-'));
    try {
      const script = join(folder, 'ready.sh');
      writeFileSync(script, file('config/database/ready.sh').replace('/27017', `/${(listener.address() as AddressInfo).port}`));
      const ended = await promisify(execFile)('bash', [script]).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      expect(ended).toBe(code);
      const [message = Buffer.alloc(0)] = asked;
      // Length, OP_MSG, one document whose own length leads to its end.
      expect([message.readInt32LE(0), message.readInt32LE(12), message.readInt32LE(21)]).toEqual([
        message.length,
        2013,
        message.length - 21,
      ]);
      expect(message.subarray(25).toString('latin1')).toBe('\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0');
    } finally {
      listener.close();
      rmSync(folder, { recursive: true });
    }
  });

  test.each([`["registry.example/app:1","node","it's \\"$HOME\\" \`x\` \${y}\u2028"]`, '\\', "');db.dropDatabase();('"])(
    'write down a version as it is: %s',
    (version) => {
      const rows = new Set<string>();
      const printed: unknown[] = [];
      const collection = {
        updateOne: ({ _id }: { _id: string }) => rows.add(_id),
        countDocuments: ({ _id }: { _id: string }) => (rows.has(_id) ? 1 : 0),
      };
      const context = createContext({ db: { berth_migrations: collection }, print: (value: unknown) => printed.push(value) });
      new Script(mongodbEngine.recorded(version)).runInContext(context);
      new Script(mongodbEngine.record(version)).runInContext(context);
      new Script(mongodbEngine.recorded(version)).runInContext(context);
      expect([[...rows], printed]).toEqual([[version], [0, 1]]);
    },
  );
});
