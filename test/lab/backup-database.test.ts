import { existsSync, globSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../model/errors.ts';
import { farAway } from '../program/far-away.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';
import { sqlClients } from './sql-clients.ts';
import { until as untilSeen } from './until.ts';

const [http, https] = [38_091, 38_491];
// No other test has it: what is done to a site of that name would be done to this one.
const site = 'labcopied';

interface Listed {
  readonly backups: readonly {
    readonly id: string;
    readonly source: string;
    readonly kind: string;
    readonly level: number;
    readonly label: string | null;
    readonly parent: string | null;
  }[];
  readonly drill?: { readonly detail: readonly string[] } | null;
  readonly restorable: readonly {
    readonly source: string;
    readonly spans?: readonly { readonly from: string; readonly until: string }[];
  }[];
}
interface Canary {
  readonly moment: string;
  readonly ageSeconds: number;
  readonly late: boolean;
}
interface Expected {
  readonly expected: { readonly seconds: number; readonly basis: string };
  readonly seconds: number;
}
interface Restored {
  readonly increments: readonly string[];
  readonly logs: number;
  readonly seconds: number;
  readonly canary: Canary | null;
  readonly holds: {
    readonly databases: readonly { readonly name: string; readonly tables: readonly { readonly name: string; readonly rows: string }[] }[];
  };
}
interface Transactions {
  readonly transactions: readonly {
    readonly id: string;
    readonly tables: readonly { readonly name: string; readonly deleted: number }[];
  }[];
  readonly restore: string;
}
interface Live {
  readonly increments: readonly string[];
  readonly kept: string;
  readonly downSeconds: number;
  readonly seconds: number;
  readonly left: readonly string[];
}

interface Drilled {
  readonly from: { readonly databases: readonly { readonly database: string; readonly increments: readonly string[] }[] };
  readonly databases: readonly { readonly database: string; readonly canary: Canary | null }[];
  readonly canarySeconds: number | null;
  readonly late: readonly object[];
  readonly buckets: readonly { readonly bucket: string; readonly objects: number }[];
  readonly answers: readonly { readonly status?: number }[];
  readonly backups: readonly string[];
  readonly seconds: number;
  readonly lostSeconds: number | null;
}
interface Whole {
  readonly databases: readonly { readonly database: string; readonly position: string | null }[];
  readonly seconds: number;
}

/** What the rows below have to say differently to each engine. */
interface Engine {
  readonly database: string;
  /** Program of a full backup. */
  readonly madeBy: string;
  /** Where the address of the database stands in the environment of the application. */
  readonly url: string;
  /** A shell command with the statements in its first argument. */
  readonly client: string;
  readonly now: string;
  /** Deletes all rows but ten, and gives the number of that transaction in its first line. */
  readonly remove: string;
  readonly table: string;
  readonly volume: { readonly path: string; readonly data: string };
  /** What a restore cannot know whether to turn on, and what it says. */
  readonly turnedOff: { readonly make: string; readonly said: readonly string[] };
}

const family = {
  table: 'ledger',
  volume: { path: '/var/lib/mysql', data: 'data' },
  turnedOff: {
    make: 'CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS NOW() + INTERVAL 1 HOUR DO DELETE FROM later',
    said: ['turn these events on if they are to run, as they were made or changed since the full backup: labcopied.hourly'],
  },
} as const;

const engines = {
  postgres: {
    ...sqlClients.postgres,
    database: 'database',
    madeBy: 'pg_basebackup',
    url: 'DATABASE_URL',
    remove: 'DELETE FROM ledger WHERE n > 10 RETURNING pg_current_xact_id()',
    table: 'public.ledger',
    volume: { path: '/var/lib/postgresql/data', data: 'pgdata' },
    turnedOff: { make: 'SELECT 1', said: [] },
  },
  mysql: {
    ...sqlClients.mysql,
    ...family,
    database: 'orders',
    madeBy: 'clone',
    url: 'ORDERS_URL',
    remove: 'SET @had = @@GLOBAL.gtid_executed; DELETE FROM ledger WHERE n > 10; SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, @had)',
  },
  mariadb: {
    ...sqlClients.mariadb,
    ...family,
    database: 'books',
    madeBy: 'mariadb-dump',
    url: 'BOOKS_URL',
    remove: 'DELETE FROM ledger WHERE n > 10; SELECT @@last_gtid',
  },
} as const satisfies Readonly<Record<string, Engine>>;
const names = ['postgres', 'mysql', 'mariadb'] as const;

describe('the databases of a site that runs', () => {
  let operator: Operator;
  let lab: LabSite;
  const list = async (): Promise<Listed> => JSON.parse(await lab.berth('backup', 'list', '--json')) as Listed;

  beforeAll(async () => {
    operator = await Operator.create();
    lab = await LabSite.create(operator, site);
    const [store, second] = [await operator.makeFolder('backups'), await operator.makeFolder('offsite')];
    const own = await operator.ids();
    const sets = [
      `edge.http=${http}`,
      `edge.https=${https}`,
      'internalTls=true',
      `backups.folder=${store}`,
      `backups.offsite={ folder: ${second}, schedule: "${farAway()}" }`,
      `backups.user="${own}"`,
      `backups.databases={ rpo: 6, schedule: "${farAway()}", prove: "${farAway()}" }`,
      `backups.buckets={ schedule: "${farAway()}", prove: "${farAway()}" }`,
      'databases.orders={ engine: mysql }',
      'databases.books={ engine: mariadb }',
      'services.web.uses={ database: DATABASE_URL, orders: ORDERS_URL, books: BOOKS_URL, cache: REDIS_URL, files: S3 }',
    ];
    await operator.run(['berth', 'init', site, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set])], operator.home);
    await lab.prepareBackups();
    await lab.startWhole();
  });
  afterAll(async () => {
    await lab?.remove();
    operator?.[Symbol.dispose]();
  });

  /** One of the databases, and what can be asked of it. */
  const of = (engine: keyof typeof engines) => {
    const { url, client, ...own }: Engine = engines[engine];
    const { database } = own;
    const agent = `agent-${engine}`;
    const fulls = async () => (await list()).backups.filter(({ source, kind }) => source === database && kind === 'full');
    const increments = async () => (await list()).backups.filter(({ source, kind }) => source === database && kind === 'increment');
    /** Copies what has changed, as an operator asks for it. @returns Its id. */
    const increment = async (...more: readonly string[]): Promise<string> => {
      const before = (await increments()).map(({ id }) => id);
      const { backups } = JSON.parse(await lab.berth('backup', 'now', database, '--increment', ...more, '--json')) as Pick<
        Listed,
        'backups'
      >;
      const after = (await increments()).map(({ id }) => id);
      expect(after.slice(0, -1)).toEqual(before);
      expect(backups).toMatchObject([{ id: after.at(-1), kind: 'increment' }]);
      return after.at(-1) ?? '';
    };
    const spans = async () => (await list()).restorable.find(({ source }) => source === database)?.spans ?? [];
    const sql = async (statement: string): Promise<string> => {
      const address = await lab.compose('exec', '-T', 'web-blue', 'printenv', url);
      return (await lab.compose('exec', '-T', '-e', `URL=${address.trim()}`, database, 'sh', '-c', client, statement)).trim();
    };
    const insert = (from: number, to: number, note: string): Promise<string> =>
      sql(
        `INSERT INTO ledger WITH RECURSIVE s (g) AS (SELECT ${from} UNION ALL SELECT g + 1 FROM s WHERE g < ${to}) SELECT g, '${note}' FROM s`,
      );
    const until = <T>(look: () => Promise<T | undefined | false>, what: string): Promise<T> => {
      const tell = async () => `the agent says:\n${(await lab.compose('logs', '--no-log-prefix', agent)).slice(-3000)}`;
      return untilSeen(look, what, { seconds: 300, everyMs: 500, tell });
    };
    /** All that is committed now can be restored. */
    const covered = async (): Promise<string> => {
      const now = await sql(own.now);
      await lab.berth('backup', 'now', database, '--log');
      expect((await spans()).at(-1)?.until ?? '').toSatisfy((last: string) => last >= now);
      return now;
    };
    const restore = (...how: readonly string[]) => ['restore', '--only', 'database', '--name', database, ...how];
    /** Rows that a restore into a server of its own finds. */
    const tried = async (...target: readonly string[]): Promise<string | undefined> => {
      const { holds, canary } = JSON.parse(await lab.berth(...restore(...target, '--into', 'scratch', '--json'))) as Restored;
      // By its own agent, with the rights that the site has given it.
      expect(canary).toMatchObject({ late: false });
      return holds.databases.find(({ name }) => name === site)?.tables.find(({ name }) => name === own.table)?.rows;
    };
    return { ...own, agent, fulls, increments, increment, spans, sql, insert, until, covered, restore, tried };
  };

  const object = async (...words: readonly string[]): Promise<string> => {
    const access = `MC_HOST_app=https://${site}-app:${lab.read('secrets/files-app').trim()}@127.0.0.1:9000`;
    return lab.compose('exec', '-T', '-e', access, 'files', 'sh', '-c', words.join(' '));
  };
  /** Containers, volumes and networks of drills. */
  const ofDrills = async (): Promise<string> =>
    (
      await Promise.all(
        ['docker ps -aq', 'docker volume ls -q', 'docker network ls -q'].map((list) =>
          run([...list.split(' '), '--filter', `name=${site}-drill-`]),
        ),
      )
    ).join('');

  const isDrilling = (): boolean =>
    globSync('/proc/[0-9]*/environ').some((path) => {
      try {
        return readFileSync(path, 'latin1').includes(`COMPOSE_PROJECT_NAME=${site}-drill-`);
      } catch {
        return false;
      }
    });

  type One = ReturnType<typeof of>;
  /** The same for each of them, at the same time. */
  const each = (look: (one: One) => Promise<unknown>): Promise<unknown> =>
    Promise.all(
      names.map(async (engine) => {
        try {
          await look(of(engine));
        } catch (error) {
          throw new Error(`${engine}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        }
      }),
    );

  test('are copied, each by an agent in its own image that needs no more than its network', () =>
    each(async ({ agent, database }) => {
      const inspect = (service: string, field: string) =>
        operator.run(['docker', 'inspect', '--format', `{{${field}}}`, `${site}-${service}-1`], lab.folder);
      expect(await inspect(agent, '.Config.Image')).toBe(await inspect(database, '.Config.Image'));
      expect(await inspect(agent, '.HostConfig.ReadonlyRootfs')).toContain('true');
      expect(await inspect(agent, '.HostConfig.CapAdd')).toContain('[]');
      const mounts = await inspect(agent, 'json .Mounts');
      expect(mounts).not.toMatch(new RegExp(`${database}-data|docker\\.sock`));
      // Its own and no nameless one, which its image would ask for.
      expect(mounts.match(/"Type":"volume","Name":"[^"]+"/g)).toEqual([`"Type":"volume","Name":"${site}_${agent}-data"`]);
      expect(statSync(join(lab.folder, '.berth/bin/node')).mode & 0o777).toBe(0o755);
    }));

  test('have a full backup soon after the first start, and every commit follows within a minute', () =>
    each(async ({ now, sql, insert, until, spans, fulls }) => {
      await sql('CREATE TABLE ledger (n int PRIMARY KEY, note text)');
      await insert(1, 1000, 'räksmörgås');
      // By itself, within the time that it may be behind.
      const then = await sql(now);
      await sql('CREATE TABLE later (n int)');
      await until(async () => ((await spans()).at(-1)?.until ?? '') > then, 'the log is shipped');
      expect(await fulls()).toHaveLength(1);
    }));

  test('come back as they were at a time, and just before a transaction', () =>
    each(async ({ database, table, remove, sql, covered, spans, restore, tried }) => {
      const before = await covered();
      const transaction = (await sql(remove)).split('\n')[0] ?? '';
      await covered();
      // From the beginning of the log on, where the names are known of: the table was made behind the full backup.
      const since = (await spans())[0]?.from ?? '';
      const search = ['berth', 'backup', 'transactions', '--database', database, '--since', since, '--table', table, '--json'];
      for (const by of [[], ['--key', `../usb/${site}-operator.key`]]) {
        const { code, stdout, stderr } = await operator.attempt([...search, ...by], lab.folder);
        expect(code, stderr).toBe(0);
        const { transactions, restore: command } = JSON.parse(stdout) as Transactions;
        expect(transactions.slice(-1).map(({ id, tables }) => [id, tables.map(({ name, deleted }) => [name, deleted > 0])])).toEqual([
          [transaction, [[`${site}.${table}`, true]]],
        ]);
        expect(command).toContain(`--name ${database} --before ${transaction} --into scratch`);
      }
      expect(await tried('--at', before, '--key', `../usb/${site}-operator.key`)).toBe('1000');
      expect(await tried('--before', transaction)).toBe('1000');
      const refused = await operator.attempt(['berth', ...restore('--at', '2001-01-01T00:00Z', '--into', 'scratch')], lab.folder);
      expect(refused.stderr).toContain('lies before the first backup');
      const unknown = await operator.attempt(['berth', ...restore('--before', 'yesterday', '--into', 'scratch')], lab.folder);
      expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('yesterday') as string });
    }));

  test('are kept beside the site as they were, so that what was lost can be taken from there', async () => {
    for (const engine of names) {
      const { database, insert, remove, sql, covered, restore } = of(engine);
      await sql(remove);
      await insert(11, 20, 'lost');
      const then = await covered();
      await sql(remove);
      await covered();
      const words = restore('--at', then, '--into', 'new');
      expect(await lab.berth(...words, '--dry-run')).toContain('changes    nothing of the site');
      const said = await lab.berth(...words);
      const command = (after: string): string => new RegExp(`${after}:\\n {4}(.*)\\n`).exec(said)?.[1] ?? '';
      const typed = (line: string): Promise<string> => operator.run(['sh', '-c', line], lab.folder);
      const look = command('to look into it').replace('-it', '-i');
      const rows = () => typed(`echo 'SELECT count(*) FROM ledger;' | ${look}`);
      expect(await rows()).toMatch(/\b20\b/);
      expect(await typed(command('as SQL that makes it').replaceAll('TABLE', 'ledger').replace('> ledger.sql', ''))).toContain('lost');
      expect(await sql('SELECT count(*) FROM ledger')).toBe('10');
      const container = `${site}-${database}-restored`;
      const fields = '{{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{json .Mounts}}';
      const inspected = await typed(`docker inspect --format '${fields}' ${container}`);
      expect(inspected).toMatch(/^none true \[ALL\] /);
      expect(inspected.match(/"Type":"volume"/g)).toHaveLength(1);
      // As after a start of the host.
      await typed(`docker restart ${container}`);
      await untilSeen(async () => /\b20\b/.test(await rows().catch(() => '')), 'it answers again', { seconds: 60 });
      const second = await operator.attempt(['berth', ...words], lab.folder);
      expect(second).toMatchObject({ code: EXIT.conflict, stderr: expect.stringContaining(`${container} is there already`) as string });
      await typed(command('until it is removed'));
      expect(await typed(`docker ps -aq --filter name=${container}; docker volume ls -q --filter name=${database}-restored`)).toBe('');
    }
  });

  test('leave nothing beside the site when keeping them there is stopped by Ctrl-C, or was killed before', async () => {
    const { restore, until } = of('postgres');
    const words = restore('--latest', '--into', 'new').join(' ');
    const filled = `docker ps -q --filter volume=${site}_database-restored`;
    const left = () => operator.run(['sh', '-c', `${filled} -a; docker volume ls -q --filter name=${site}_database-restored`], lab.folder);
    const stopped = (by: string) =>
      operator.attempt(
        ['sh', '-c', `berth ${words} & until [ -n "$(${filled})" ]; do sleep 0.05; done; kill -${by} $!; wait $!`],
        lab.folder,
      );
    expect(await stopped('KILL')).toMatchObject({ code: 137 });
    expect(await left()).not.toBe('');
    // What fills the volume ends as nobody waits for it any more, also what was just about to begin; the volume stays.
    const isFilling = (): boolean =>
      globSync('/proc/[0-9]*/cmdline').some((path) => {
        try {
          return readFileSync(path, 'latin1').includes(`${site}_database-restored:`);
        } catch {
          return false;
        }
      });
    await until(async () => !isFilling() && (await operator.run(['sh', '-c', filled], lab.folder)) === '', 'nobody fills it');
    expect(await stopped('INT')).toMatchObject({ code: 130 });
    expect(await left()).toBe('');
  });

  test('are copied when somebody asks, and the log goes on behind it', () =>
    each(async ({ database, madeBy, insert, covered, fulls, spans, tried }) => {
      await lab.berth('backup', 'now', database, '--label', 'by hand');
      const made = await fulls();
      expect(made.map(({ label }) => label)).toEqual([null, 'by hand']);
      expect(await lab.berth('backup', 'show', made[1]?.id ?? '')).toMatch(new RegExp(`made by +${madeBy} `));
      await insert(2001, 2001, 'after the second');
      await covered();
      expect(await spans()).toHaveLength(1);
      expect(await tried('--latest')).toBe('11');
    }));

  test('are copied by what has changed, when somebody asks: postgres; the others have nothing of the kind', async () => {
    const { increment, increments, fulls, sql, covered, spans, restore } = of('postgres');
    const by = (await fulls()).at(-1);
    await sql('INSERT INTO later VALUES (1)');
    const first = await increment();
    await sql('INSERT INTO later VALUES (2)');
    const second = await increment('--label', 'before 2.4.1');
    await sql('INSERT INTO later VALUES (3)');
    await covered();
    expect(await increments()).toMatchObject([
      { id: first, parent: by?.id, label: null },
      { id: second, parent: first, label: 'before 2.4.1' },
    ]);
    expect(await lab.berth('backup', 'list')).toMatch(new RegExp(`${second} .* what changed since ${first}, and \\d+ logs?\\n`));
    expect(await spans()).toHaveLength(1);
    const words = restore('--latest', '--into', 'scratch');
    const { increments: used, holds } = JSON.parse(await lab.berth(...words, '--json')) as Restored;
    expect(used).toEqual([first, second]);
    const tables = holds.databases.find(({ name }) => name === site)?.tables ?? [];
    expect(tables.find(({ name }) => name === 'public.later')?.rows).toBe('3');
    for (const [word, said] of [
      ['orders', 'nothing here is called orders'],
      ['configuration', 'nothing here is called configuration'],
    ] as const)
      expect(await operator.attempt(['berth', 'backup', 'now', word, '--increment'], lab.folder)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(said) as string,
      });
  });

  test('are proven by restores that are compared, with all that the newest backup rests on; how long one takes is measured by that', async () => {
    await lab.berth('backup', 'verify', '--restore');
    await each(async ({ database }) => {
      const words = ['restore', '--only', 'database', '--name', database, '--latest', '--into', 'scratch'];
      const { expected, seconds } = JSON.parse(await lab.berth(...words, '--json')) as Expected;
      console.info(`${database}: ${expected.seconds} s expected, ${seconds} s taken`);
      expect(expected.basis).toMatch(/as measured on/);
      expect(await lab.berth(...words, '--dry-run')).toMatch(/^ +takes about \d+ s: .* at \S+ k?M?B\/s as measured on 20\d\d-\d\d-\d\d/m);
    });
    const said = await lab.berth('backup', 'list');
    expect((await of('postgres').increments()).map(({ level }) => level)).toEqual([3, 3]);
    await each(async ({ database, fulls }) => {
      expect((await fulls()).at(-1)?.level).toBe(3);
      expect(said).toMatch(new RegExp(`${database} +restorable to \\S+ \\(\\d+ (?:s|min) ago\\), and any time since`));
    });
  });

  test('lose nothing when their agents are killed, and when their passwords are drawn anew', async () => {
    const all = names.map(of);
    await operator.run(['docker', 'kill', ...all.map(({ agent }) => `${site}-${agent}-1`)], lab.folder);
    await each(({ insert }) => insert(3001, 3001, 'nobody listens'));
    for (const { database } of all) await lab.berth('secrets', 'rotate', `${database}-backup`);
    expect((await lab.up()).code).toBe(0);
    await each(async ({ insert, covered, spans }) => {
      await insert(3002, 3002, 'with another password');
      await covered();
      expect(await spans()).toHaveLength(1);
    });
  });

  test('open for a new key as well once keys were rotated, also what was shipped meanwhile, and agents go on', async () => {
    await lab.berth('backup', 'keys', 'create', '--name', 'successor', '--into', '../usb');
    await each(({ sql }) => sql('INSERT INTO later VALUES (1)'));
    const rotate = async () =>
      (
        JSON.parse(await lab.berth('backup', 'keys', 'rotate', '--key', `../usb/${site}-operator.key`, '--json')) as {
          readonly sources: readonly Record<'rotated' | 'unchanged' | 'closed' | 'broken', readonly string[]>[];
        }
      ).sources;
    const before = (await list()).backups;
    const done = await rotate();
    expect(done.flatMap(({ closed, broken }) => [...closed, ...broken])).toEqual([]);
    expect(done.flatMap(({ rotated, unchanged }) => [...rotated, ...unchanged])).toEqual(
      expect.arrayContaining(before.map(({ id }) => id)),
    );
    await each(async ({ covered, tried }) => {
      await covered();
      await tried('--latest');
    });
    // What was under way then was found, and what came since was made for those of now.
    expect((await rotate()).flatMap(({ rotated }) => rotated)).toEqual([]);
    await lab.berth('backup', 'verify', '--key', `../usb/${site}-successor.key`);
  });

  /** The old chain ends there, and a new one begins by itself. */
  const goesOn = async ({ insert, until, fulls, covered, tried }: One, found: string): Promise<void> => {
    await insert(9001, 9001, 'after the restore');
    await until(async () => (await fulls()).length === 3, 'a new full backup');
    await covered();
    expect(await tried('--latest')).toBe(found);
  };

  test.each(['postgres', 'mysql'] as const)(
    'are put back as they were: %s, its application stopped only while old and new change places',
    async (engine) => {
      const one = of(engine);
      const { database, volume, turnedOff, sql, covered, increments, restore } = one;
      const restsOn = (await increments()).map(({ id }) => id);
      await sql(turnedOff.make);
      const before = await covered();
      await sql('DROP TABLE ledger');
      const inPlace = restore('--at', before, '--into', 'live');
      const refused = await operator.attempt(['berth', ...inPlace], lab.folder);
      expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('run the same command with --yes') as string });
      expect(refused.stdout).toContain(`stops      web-blue, web-green, then ${database}`);
      const done = JSON.parse(await lab.berth(...inPlace, '--yes', '--json')) as Live;
      console.info(`${engine}: restored in ${done.seconds} s, of which ${done.downSeconds} s without the application`);
      expect(done.increments).toEqual(restsOn);
      expect(done.left).toEqual(turnedOff.said);
      expect(await sql('SELECT count(*) FROM ledger')).toBe('13');
      const there = (await lab.compose('exec', '-T', database, 'ls', volume.path)).trim().split('\n');
      expect(there).toEqual(expect.arrayContaining([volume.data, done.kept]));
      expect(there.join()).not.toMatch(/berth-restore|restored/);
      await goesOn(one, '14');
    },
  );

  test('are as they were, and served again, when putting them back is stopped by Ctrl-C', async () => {
    const { database, volume, sql, restore } = of('postgres');
    const words = restore('--latest', '--into', 'live', '--yes').join(' ');
    const stands = `docker inspect --format '{{.State.Running}}' ${site}-web-blue-1`;
    const script = `berth ${words} & until [ "$(${stands})" = false ]; do sleep 0.1; done; kill -INT $!; wait $!`;
    const stopped = await operator.attempt(['sh', '-c', script], lab.folder);
    expect(stopped, stopped.stderr).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('everything is started as it was') as string,
    });
    const running = (await lab.compose('ps', '--status', 'running', '--services')).trim().split('\n');
    expect(running).toEqual(expect.arrayContaining(['web-blue', database]));
    expect(await sql('SELECT count(*) FROM ledger')).toBe('14');
    expect(await lab.compose('exec', '-T', database, 'ls', volume.path)).not.toMatch(/berth-restore/);
  });

  test('are restored by nobody any more once whoever had asked for it was killed', async () => {
    const { agent, restore, until } = of('postgres');
    const inAgent = (script: string): Promise<string> => lab.compose('exec', '-T', agent, 'sh', '-c', script);
    // In brackets, so that what looks for them does not find itself.
    const servers = 'for pid in /proc/[0-9]*; do if grep -qs config_file[=].*/scratch/ $pid/cmdline; then echo ${pid#/proc/}; fi; done';
    const verbs = 'for pid in /proc/[0-9]*; do if grep -qs attende[d] $pid/cmdline; then echo ${pid#/proc/}; fi; done';
    // It would never be done: the server in which it is tried stands still. Looked for from within, as that server is there for a moment only.
    const looking = `tries=0; until pids=$(${servers}); [ -n "$pids" ]; do tries=$((tries + 1)); [ $tries -lt 3000 ] || exit 1; sleep 0.02; done; kill -STOP $pids`;
    const stopping = `docker compose exec -T ${agent} sh -c '${looking}'`;
    const words = restore('--latest', '--into', 'scratch').join(' ');
    const script = `${stopping} & looks=$!; berth ${words} & asks=$!; wait $looks && kill -KILL $asks; wait $asks`;
    expect(await operator.attempt(['sh', '-c', script], lab.folder)).toMatchObject({ code: 137 });
    await until(async () => (await inAgent(`${verbs}; ${servers}`)).trim() === '', 'nothing of it is at work');
  });

  test('are put back to the very latest, with nothing lost that was committed before: mariadb', async () => {
    const one = of('mariadb');
    await one.insert(5001, 5100, 'last');
    await lab.berth(...one.restore('--latest', '--into', 'live', '--yes'));
    expect(await one.sql('SELECT count(*) FROM ledger')).toBe('113');
    expect(await lab.compose('logs', one.database)).not.toContain('for an upgrade');
    await goesOn(one, '114');
    expect((await lab.up()).code).toBe(0);
  });

  test('serve with all of their site in a drill beside the one that runs, which is left alone; another one, that was killed, leaves nothing either', async () => {
    // A bucket beside them, which no application has written to yet.
    await object('echo räksmörgås | mc pipe app/notes/menu.txt');
    await lab.berth('backup', 'now', 'notes', 'configuration', 'secrets');
    const increment = await of('postgres').increment();
    await each(({ covered }) => covered());
    const words = ['drill', '--key', `../usb/${site}-operator.key`, '--yes', '--json'];
    const killing = `berth ${words.join(' ')} & until [ -n "$(docker ps -aq --filter name=${site}-drill-)" ]; do sleep 0.1; done; kill -KILL $!; wait $!`;
    expect(await operator.attempt(['sh', '-c', killing], lab.folder)).toMatchObject({ code: 137 });
    expect(await ofDrills()).not.toBe('');
    // The command that it had begun goes on without it, and may still make something.
    await untilSeen(() => !isDrilling(), 'its last command has ended');
    const [ids, before] = [await lab.ids(), await list()];
    const done = JSON.parse(await lab.berth(...words)) as Drilled;
    console.info(
      `the whole site drilled: ${done.seconds} s, ${done.lostSeconds} s lost, its oldest canary of ${done.canarySeconds} s before`,
    );
    expect(done.databases.map(({ database }) => database).toSorted()).toEqual(['books', 'database', 'orders']);
    expect(done.from.databases.find(({ database }) => database === 'database')?.increments).toEqual([increment]);
    expect(done.buckets.map(({ bucket, objects }) => [bucket, objects])).toEqual([['files.notes', 1]]);
    expect(done.answers.map(({ status }) => status)).toEqual([200, 404, 200, 405]);
    expect(done.lostSeconds).toBeGreaterThanOrEqual(0);
    for (const { canary } of done.databases) expect(canary).toMatchObject({ late: false });
    expect(done.late).toEqual([]);
    // Each was written to just before the drill that was killed.
    expect(done.canarySeconds).toBeGreaterThanOrEqual(0);
    expect(done.canarySeconds).toBeLessThanOrEqual((done.lostSeconds ?? 0) + 6);
    expect(await ofDrills()).toBe('');
    expect(existsSync(`${lab.folder}-drill`)).toBe(false);
    expect(await lab.ids()).toEqual(ids);
    const { backups, drill } = await list();
    const proven = backups.filter(({ level }) => level === 4);
    expect(proven.map(({ id }) => id).toSorted()).toEqual(done.backups.filter((id) => proven.some((each) => each.id === id)).toSorted());
    expect([...new Set(proven.map(({ source }) => source))].toSorted()).toEqual([
      'books',
      'database',
      'files.notes',
      'orders',
      'site.configuration',
      'site.secrets',
    ]);
    expect(drill?.detail[0]).toBe(`the whole site served after ${done.seconds} s`);
    // Nothing that the drill had was copied as if it were the site's.
    const points = (all: Listed['backups']) => all.filter(({ kind }) => kind === 'bucket').length;
    expect(points(backups)).toBe(points(before.backups));
  });

  test('are there again with all of their site on an empty host, from the second place as the first one is gone, by one command that may be stopped and repeated', async () => {
    const held: string[] = [];
    await each(async ({ database, sql, covered }) => {
      await covered();
      held.push(`${database} ${await sql('SELECT count(*) FROM ledger')}`);
    });
    expect(held.toSorted()).toEqual(['books 114', 'database 14', 'orders 14']);
    await lab.berth('backup', 'copy');
    await lab.remove();
    rmSync(lab.folder, { recursive: true });
    rmSync(join(operator.home, 'backups'), { recursive: true });
    lab = await LabSite.create(operator, 'again');
    const words = ['restore', '--latest', '--with-data', '--from', 'offsite', '--site', 'kit', '--into', 'again'];
    const planned = await operator.run(['berth', ...words, '--dry-run'], operator.home);
    for (const { database } of names.map(of))
      expect(planned).toMatch(
        new RegExp(`${database} +[0-9A-Z]{26} +and ${database === 'database' ? '1 increment and ' : ''}\\d+ logs? +as it was at`),
      );
    const stopping = `berth ${words.join(' ')} & until grep -qs '"placed":\\["' again/.berth/restoring.json; do sleep 0.1; done; kill -INT $!; wait $!`;
    const stopped = await operator.attempt(['sh', '-c', stopping], operator.home);
    expect(stopped, stopped.stderr).toMatchObject({ code: 130 });
    expect((await lab.compose('ps', '--status', 'running', '--services')).trim()).toBe('');
    const done = JSON.parse(await operator.run(['berth', ...words, '--json'], operator.home)) as Whole;
    console.info(`the whole site: ${done.seconds} s`);
    expect(done.databases.map(({ database }) => database).toSorted()).toEqual(['books', 'database', 'orders']);
    expect(done.databases.filter(({ position }) => position === null)).toHaveLength(1);
    await each(async ({ database, sql, until, fulls }) => {
      expect(held).toContain(`${database} ${await sql('SELECT count(*) FROM ledger')}`);
      // The first place was begun anew.
      await until(async () => (await fulls()).length === 1, 'a full backup by the new agent');
    });
    expect(await object('mc cat app/notes/menu.txt')).toBe('räksmörgås\n');
    expect(existsSync(join(lab.folder, '.berth/offsite'))).toBe(false);
    const again = await operator.attempt(['berth', ...words], operator.home);
    expect(again).toMatchObject({ code: 5, stderr: expect.stringContaining('has data on this host already') as string });
  });
});
