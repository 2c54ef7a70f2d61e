import { execFile } from 'node:child_process';
import { Script, createContext } from 'node:vm';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareHello } from './hello.ts';

interface Member {
  _id: number;
  host: string;
  votes: number;
  priority: number;
}
interface Command {
  hello?: 1;
  replSetInitiate?: { members: Member[] };
  replSetGetConfig?: 1;
  replSetGetStatus?: 1;
  replSetReconfig?: { version: number; members: Member[] };
  replSetStepDown?: number;
  force?: boolean;
}
const hosts = ['database:27017', 'database-member-2:27017', 'database-member-3:27017'] as const;
const failure = (codeName: string) => Object.assign(new Error(codeName), { codeName });

/** Three servers as far as the scripts ask them something, and every change that was made to their set. */
class Trio {
  readonly changes: string[] = [];
  readonly printed: string[] = [];
  readonly users = new Set<string>();
  /** What the server said of the set, for each that belongs to it. */
  version = 1;
  members: Member[] = [];
  primary: string | undefined;
  readonly away = new Set<string>();
  readonly copying = new Set<string>();
  /** How many changes are refused until most know the one before. */
  refusals = 0;

  run(script: string, here: string = hosts[0], wish?: string): void {
    const globals = {
      disableTelemetry: () => undefined,
      require: () => ({ readFileSync: (path: string) => (path.endsWith('-admin') ? 'of-admin' : 'of-app') }),
      sleep: () => undefined,
      print: (line: string) => this.printed.push(line),
      process: { env: { DO: wish } },
      connect: (uri: string) => this.connect(new URL(uri), here),
      encodeURIComponent,
    };
    new Script(script).runInContext(createContext(globals));
  }

  private knows = (host: string): boolean => this.members.some((one) => one.host === host);

  private connect({ host: named, username, searchParams }: URL, here: string): object {
    const host = named.startsWith('127.0.0.1') ? here : named;
    if (this.away.has(host)) throw new Error('connect ECONNREFUSED');
    // Accounts come with the data of the set.
    if (username !== '' && !(this.knows(host) && this.users.has(`${searchParams.get('authSource') ?? ''}.${username}`)))
      throw failure('AuthenticationFailed');
    return this.database(host, 'admin');
  }

  private database(host: string, name: string): object {
    return {
      getSiblingDB: (other: string) => this.database(host, other),
      getUser: (user: string) =>
        this.users.has(`${name}.${user}`)
          ? {
              roles: ['readWrite', 'dbAdmin'].map((role) => ({ role, db: 'hello' })),
              mechanisms: ['SCRAM-SHA-256'],
              authenticationRestrictions: [],
            }
          : null,
      createUser: ({ user }: { user: string }) => {
        this.changes.push(`create ${name}.${user}`);
        this.users.add(`${name}.${user}`);
      },
      runCommand: (command: Command) => this.answer(host, command),
    };
  }

  private answer(
    host: string,
    { hello, replSetInitiate, replSetGetConfig, replSetGetStatus, replSetReconfig, replSetStepDown, force }: Command,
  ): object {
    if (hello)
      return this.knows(host)
        ? { setName: 'rs0', me: host, primary: this.primary, isWritablePrimary: this.primary === host, secondary: this.primary !== host }
        : { isWritablePrimary: false, secondary: false };
    if (replSetInitiate) {
      this.members = structuredClone(replSetInitiate.members).map((one) => ({ ...one, votes: 1, priority: 1 }));
      this.primary = this.members[0]?.host;
      this.changes.push(`initiate ${this.members.map((one) => one.host).join()}`);
    }
    if (replSetGetConfig) return { config: { version: this.version, members: structuredClone(this.members) } };
    if (replSetGetStatus)
      return {
        members: this.members.map(({ host: name }) => ({
          name,
          stateStr: name === this.primary ? 'PRIMARY' : this.copying.has(name) ? 'STARTUP2' : 'SECONDARY',
        })),
      };
    if (replSetReconfig) {
      if (this.refusals > 0 && (this.refusals -= 1) >= 0) throw failure('CurrentConfigNotCommittedYet');
      const voters = (all: readonly Member[]) => all.filter(({ votes }) => votes > 0).length;
      // As the server has it: the next version, and one voter more or less.
      if (replSetReconfig.version !== this.version + 1) throw failure('NewReplicaSetConfigurationIncompatible');
      if (!force && Math.abs(voters(replSetReconfig.members) - voters(this.members)) > 1)
        throw failure('NewReplicaSetConfigurationIncompatible');
      this.version = replSetReconfig.version;
      this.members = structuredClone(replSetReconfig.members);
      this.changes.push(this.members.map((one) => `${one.host.split(':')[0] ?? ''}=${one.votes}`).join(' '));
    }
    if (replSetStepDown) this.changes.push(`step down ${host}`);
    return { ok: 1 };
  }
}

describe('the files of a replica set of three', () => {
  let files: ReadonlyMap<string, string>;
  const file = (path: string) => files.get(path) ?? expect.unreachable(`no ${path}`);
  beforeAll(async () => {
    files = (await prepareHello({ set: { 'databases.database.engine': 'mongodb', 'databases.database.topology': 'cluster' } })).decision
      .merged;
  });
  const whole = (): Trio => {
    const trio = new Trio();
    trio.run(file('config/database/first-start.js'));
    trio.run(file('config/database-accounts/accounts.js'));
    return trio;
  };

  test('begin with one member, make the accounts, and take the others in one by one, with a vote once they have copied', () => {
    const trio = whole();
    expect(trio.changes).toEqual([
      'initiate database:27017',
      'create admin.root',
      'create hello.hello',
      'database=1 database-member-2=0',
      'database=1 database-member-2=0 database-member-3=0',
      'database=1 database-member-2=1 database-member-3=0',
      'database=1 database-member-2=1 database-member-3=1',
    ]);
    const before = trio.changes.length;
    trio.run(file('config/database/first-start.js'));
    trio.run(file('config/database-accounts/accounts.js'));
    expect(trio.changes).toHaveLength(before);
  });

  test('leave one that still copies without a vote, say so, and give it one the next time', () => {
    const trio = new Trio();
    trio.copying.add(hosts[2]);
    trio.refusals = 3;
    trio.run(file('config/database/first-start.js'));
    trio.run(file('config/database-accounts/accounts.js'));
    expect(trio.changes.at(-1)).toBe('database=1 database-member-2=1 database-member-3=0');
    expect(trio.printed.join()).toContain('database-member-3:27017 copies still, and has no vote');
    trio.copying.clear();
    trio.run(file('config/database-accounts/accounts.js'));
    expect(trio.changes.at(-1)).toBe('database=1 database-member-2=1 database-member-3=1');
  });

  test('find whoever is written to now, while another member is away', () => {
    const trio = whole();
    trio.primary = hosts[1];
    trio.away.add(hosts[0]);
    trio.users.delete('hello.hello');
    trio.run(file('config/database-accounts/accounts.js'), hosts[1]);
    expect(trio.changes.at(-1)).toBe('create hello.hello');
  });

  test('begin no second set where the volume of the first member was emptied, nor before every other one has answered', () => {
    const trio = whole();
    const before = trio.changes.length;
    trio.primary = hosts[1];
    trio.members = trio.members.filter(({ host }) => host !== hosts[0]);
    expect(() => trio.run(file('config/database/first-start.js'))).toThrow('the set has no primary after a minute');
    expect(trio.changes).toHaveLength(before);
    const fresh = new Trio();
    fresh.away.add(hosts[2]);
    expect(() => fresh.run(file('config/database/first-start.js'))).toThrow('ECONNREFUSED');
    expect(fresh.changes).toEqual([]);
  });

  test('list the members, hand over, and go on alone by hand', () => {
    const trio = whole();
    trio.run(file('config/database/set.js'), hosts[2], 'status');
    expect(trio.printed).toEqual(['database:27017 PRIMARY', 'database-member-2:27017 SECONDARY', 'database-member-3:27017 SECONDARY']);
    trio.run(file('config/database/set.js'), hosts[2], 'step-down');
    expect(trio.changes.at(-1)).toBe('step down database:27017');
    trio.run(file('config/database/set.js'), hosts[2], 'alone');
    expect(trio.changes.at(-1)).toBe('database-member-3=1');
    expect(() => trio.run(file('config/database/set.js'), hosts[2], 'all')).toThrow('DO has to be');
  });

  test('have only the first member begin the set, and call a member ready that is written to or copies', async () => {
    for (const path of ['config/database/start.sh', 'config/database/ready.sh'])
      await promisify(execFile)('bash', ['-n', '-c', file(path)]);
    expect(file('config/database/start.sh')).toContain('if [ "${1:-}" != joins ] && [ ! -e "$mark" ]; then');
    expect(file('config/database/ready.sh')).toContain("grep -aqE 'isWritablePrimary01|secondary01'");
    expect([...files.keys()].filter((path) => path.startsWith('config/database-member'))).toEqual([]);
  });

  test('are told to the operator in the runbook, with what copies and restores by all members', () => {
    const site = file('SITE.md');
    expect(site).toContain('## The members of database');
    expect(site).toContain(
      'docker compose exec -T database env DO=step-down mongosh --nodb --quiet --norc --file /etc/berth/database/set.js',
    );
    expect(site).toContain(`mongorestore --config=/run/secrets/database-admin-tools --host=rs0/${hosts.join(',')} --username=root`);
    expect(site).not.toContain('## When a primary is lost');
  });
});
