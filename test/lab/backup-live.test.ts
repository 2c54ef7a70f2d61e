import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { farAway } from '../program/far-away.ts';
import { LabSite, Operator } from './installed.ts';
import { Killing } from './killing.ts';
import { sqlClients } from './sql-clients.ts';

const [http, https] = [38_097, 38_497];
const site = 'lablive';

interface Result {
  readonly kept: string;
  readonly seconds: number;
  readonly downSeconds?: number;
  readonly restoredIn?: string | null;
}

const engines = {
  postgres: {
    ...sqlClients.postgres,
    database: 'database',
    url: 'DATABASE_URL',
    volume: '/var/lib/postgresql/data',
    data: 'pgdata',
    exchange: '*--exchange*',
  },
  mysql: {
    ...sqlClients.mysql,
    database: 'orders',
    url: 'ORDERS_URL',
    volume: '/var/lib/mysql',
    data: 'data',
    exchange: '*mv -T /restore/berth-restore/data*',
  },
} as const;

describe('a database that is put back in its place, by a restore that is killed', () => {
  let operator: Operator;
  let lab: LabSite;
  let killing: Killing;

  beforeAll(async () => {
    operator = await Operator.create();
    lab = await LabSite.create(operator, site);
    killing = await Killing.create(operator);
    const store = await operator.makeFolder('backups');
    const own = await operator.ids();
    const sets = [
      `edge.http=${http}`,
      `edge.https=${https}`,
      'internalTls=true',
      `backups.folder=${store}`,
      `backups.user="${own}"`,
      `backups.databases={ rpo: 6, schedule: "${farAway()}", prove: "${farAway()}" }`,
      `backups.buckets={ schedule: "${farAway()}", prove: "${farAway()}" }`,
      'databases.orders={ engine: mysql }',
      'services.web.uses={ database: DATABASE_URL, orders: ORDERS_URL, cache: REDIS_URL, files: S3 }',
    ];
    await operator.run(['berth', 'init', site, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set])], operator.home);
    await lab.prepareBackups();
    await lab.startWhole();
  });
  afterAll(async () => {
    await lab?.remove();
    operator?.[Symbol.dispose]();
  });

  const of = (engine: keyof typeof engines) => {
    const { database, url, client, now, volume, data, exchange } = engines[engine];
    const sql = async (statement: string): Promise<string> => {
      const address = await lab.compose('exec', '-T', 'web-blue', 'printenv', url);
      return (await lab.compose('exec', '-T', '-e', `URL=${address.trim()}`, database, 'sh', '-c', client, statement)).trim();
    };
    /** A moment that can be restored to. */
    const covered = async (): Promise<string> => {
      const moment = await sql(now);
      await lab.berth('backup', 'now', database, '--log');
      return moment;
    };
    const words = (...more: readonly string[]) => ['restore', '--only', 'database', '--name', database, ...more, '--into', 'live', '--yes'];
    const ended = async (...more: readonly string[]): Promise<Result> => JSON.parse(await lab.berth(...words(...more), '--json')) as Result;
    /** @param at - The command that it is killed at, as a pattern of the shell. */
    const kill = async (more: readonly string[], at: string, when: 'before' | 'after'): Promise<string> => {
      await killing.at(at, when, lab, words(...more));
      return (JSON.parse(readFileSync(join(lab.folder, '.berth/restoring-live.json'), 'utf8')) as { phase: string }).phase;
    };
    const expectWhole = async (rows: string): Promise<void> => {
      expect(await sql('SELECT count(*) FROM ledger')).toBe(rows);
      const running = (await lab.compose('ps', '--status', 'running', '--services')).trim().split('\n');
      expect(running).toEqual(expect.arrayContaining(['web-blue', 'database', 'orders', 'edge', `agent-${engine}`]));
      expect(existsSync(join(lab.folder, '.berth/restoring-live.json'))).toBe(false);
      expect(await there()).not.toMatch(/berth-restore|restored/);
    };
    const there = async (): Promise<string> => lab.compose('exec', '-T', database, 'ls', volume);
    const clear = (): Promise<string> => lab.compose('exec', '-T', database, 'sh', '-c', `rm -rf ${volume}/${data}.before-*`);
    return { sql, covered, words, ended, kill, expectWhole, there, clear, exchange };
  };

  test.each(['postgres', 'mysql'] as const)(
    'goes on, or is undone, wherever that was, and loses nothing that was written since: %s',
    async (engine) => {
      const { sql, covered, words, ended, kill, expectWhole, there, clear, exchange } = of(engine);
      await sql(`CREATE TABLE ledger (n integer PRIMARY KEY)`);
      await sql('INSERT INTO ledger VALUES (1), (2), (3)');
      const before = await covered();
      await sql('INSERT INTO ledger VALUES (4), (5)');
      const back = ['--at', before];

      // While the new data are made: nothing was stopped.
      expect(await kill(back, '*--into /restore/berth-restore*', 'before')).toBe('preparing');
      await ended('--undo');
      await expectWhole('5');

      // Old and new data are about to change places; then somebody brings the site up, and it is written to.
      expect(await kill(back, exchange, 'before')).toBe('exchanging');
      await lab.compose('up', '-d', '--wait');
      await sql('INSERT INTO ledger VALUES (6)');
      const stale = await operator.attempt(['berth', ...words(...back)], lab.folder);
      expect(stale).toMatchObject({ code: 5, stderr: expect.stringContaining('a server has run on the old data since') as string });
      await ended('--undo');
      await expectWhole('6');

      // They have changed places. What is written to the restored data then is kept when it is undone.
      expect(await kill(back, exchange, 'after')).toBe('exchanging');
      await lab.compose('up', '-d', '--wait');
      expect(await sql('SELECT count(*) FROM ledger')).toBe('3');
      await sql('INSERT INTO ledger VALUES (7)');
      const undone = await ended('--undo');
      await expectWhole('6');
      expect(await there()).toContain(undone.restoredIn);
      await clear();

      // All but the last command is done, and once more while it is undone.
      expect(await kill(back, '*up -d --wait', 'before')).toBe('starting');
      expect(await kill(['--undo'], '*up -d --wait', 'before')).toBe('undoing');
      await ended('--undo');
      await expectWhole('6');
      await clear();

      // Its applications are stopped, and nobody has said a word. What is ready is used.
      expect(await kill(back, '*stop web-*', 'after')).toBe('filled');
      const other = await operator.run(['sh', '-c', `berth backup list 2>&1`], lab.folder);
      expect(other).toMatch(/Note: a restore of \w+, begun at .*, was cut off when its data were ready/);
      const filled = await ended(...back);
      await expectWhole('3');
      expect(await there()).toContain(filled.kept);
      await clear();

      // They have changed places, and nothing is started.
      await sql('INSERT INTO ledger VALUES (8)');
      expect(await kill(back, exchange, 'after')).toBe('exchanging');
      const resumed = await ended(...back);
      console.info(`${engine}: filled ${filled.seconds} s after it went on, exchanged ${resumed.seconds} s after it`);
      await expectWhole('3');
      await clear();
      const none = await operator.attempt(['berth', ...words('--undo')], lab.folder);
      expect(none).toMatchObject({ code: 5, stderr: expect.stringContaining('no restore of a database was cut off here') as string });
    },
  );
});
