import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { lifeOf } from '../../runtime/programs/life.ts';
import { BackupLab, password } from '../lab/backup-agent.ts';
import { IMAGES } from '../lab/images.ts';
import { run } from '../lab/process.ts';
import { dumpOf } from './dump.ts';
import { isThere, secondsOf, type Row } from './measure.ts';

/** Of SQL; the log that comes of it is about as large. */
const megabytes = 250;
const root = 'adm1nPassw0rd';
const ticksInSecond = 100;

/** How a server is asked and its log is read; all is run in its container. */
interface LoggingEngine {
  readonly name: 'postgres' | 'mysql' | 'mariadb';
  readonly port: number;
  readonly path: string;
  readonly init: string;
  readonly options: readonly string[];
  readonly command: readonly string[];
  readonly isThere: readonly [string, ...string[]];
  /** Reads statements. */
  readonly client: string;
  readonly before: string;
  /** How much log there is, in bytes. */
  readonly written: string;
  /** Its own client that receives the log, which then lies in `/tmp/log`. */
  readonly stream?: { readonly program: string; readonly command: string };
  readonly files: string;
}

const table =
  'CREATE TABLE orders (id int PRIMARY KEY, at timestamp, state varchar(40), mail varchar(60), note varchar(100), seen varchar(9), currency char(3), price decimal(9,2), a int, b int, c int);';

const family = ({ clients, copyRights, server }: typeof mysql | typeof mariadb) => ({
  port: 3306,
  path: '/usr/sbin',
  init: '#!/bin/sh\n',
  isThere: ['sh', '-c', `MYSQL_PWD=${root} ${clients.admin} -uroot -h127.0.0.1 status`] as const,
  client: `MYSQL_PWD=${root} ${clients.sql} -uroot -N -B --default-character-set=utf8mb4`,
  before: `CREATE USER berth_backup@'%' IDENTIFIED BY '${password}'; GRANT ${copyRights} ON *.* TO berth_backup@'%'; CREATE DATABASE shop; USE shop; ${table}`,
  server: [server, '--server-id=1', '--log-bin=binlog', '--innodb-flush-log-at-trx-commit=0', '--sync-binlog=0'],
  written: 'SHOW BINARY LOGS',
});
const [ofMysql, ofMariadb] = [family(mysql), family(mariadb)];

const engines: readonly LoggingEngine[] = [
  {
    name: 'postgres',
    port: 5432,
    path: '/usr/lib/postgresql/17/bin',
    init: `#!/bin/sh\necho 'host replication berth_backup all scram-sha-256' >>"$PGDATA/pg_hba.conf"\n`,
    options: ['-e', `POSTGRES_PASSWORD=${root}`],
    command: ['postgres', '-c', 'max_wal_size=4GB', '-c', 'synchronous_commit=off'],
    isThere: ['pg_isready', '-h', '127.0.0.1', '-q'],
    client: 'psql -qAtX -v ON_ERROR_STOP=1 -U postgres',
    before: `CREATE ROLE berth_backup LOGIN REPLICATION PASSWORD '${password}'; GRANT pg_read_all_data TO berth_backup; ${table} SELECT FROM pg_create_physical_replication_slot('bench', true);`,
    written: "SELECT 'log', pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')",
    stream: {
      program: 'pg_receivewal',
      command:
        'pg_receivewal -h 127.0.0.1 -U postgres -D /tmp/log --slot bench --synchronous --no-loop --endpos "$(psql -qAtXU postgres -c \'SELECT pg_current_wal_flush_lsn()\')"',
    },
    files: '/tmp/log/*',
  },
  {
    ...ofMariadb,
    name: 'mariadb',
    options: ['-e', `MARIADB_ROOT_PASSWORD=${root}`],
    command: [...ofMariadb.server, '--binlog-format=ROW', '--gtid-strict-mode=ON'],
    stream: {
      program: 'mariadb-binlog',
      command: `MYSQL_PWD=${root} mariadb-binlog --read-from-remote-server --raw --host=127.0.0.1 --user=root --result-file=/tmp/log/ --to-last-log binlog.000001`,
    },
    files: '/var/lib/mysql/binlog.0*',
  },
  {
    ...ofMysql,
    name: 'mysql',
    options: ['-e', `MYSQL_ROOT_PASSWORD=${root}`],
    command: [...ofMysql.server, '--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
    files: '/var/lib/mysql/binlog.0*',
  },
];

/** What shipping the log of each engine costs, from the server's socket to the store and read back there, beside its own client, which keeps it as it is, and beside `cat`. */
export async function logRows(lost: (what: string) => void): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const engine of engines)
    if (isThere(['docker', 'image', 'inspect', IMAGES[engine.name].reference])) rows.push(await measured(engine));
    else lost(`NO IMAGE OF ${engine.name} OF THE LAB HERE: its log is left out. \`node test/lab/prepare.ts ${engine.name}\` brings it.`);
  return rows;
}

async function measured(engine: LoggingEngine): Promise<Row> {
  const lab = new BackupLab(engine.name, engine, 'bench');
  const inServer = (script: string, input = ''): Promise<string> =>
    run(['docker', 'exec', '-i', lab.database, 'sh', '-ec', script], { input });
  const ask = (statements: string, base = ''): Promise<string> => inServer(`${engine.client} ${base}`, statements);
  try {
    await lab.begin(engine.init, engine.options, engine.command, [lab.database, ...engine.isThere]);
    await ask(engine.before);
    const agent = lab.agent();
    try {
      await agent.ask('open');
      await agent.ask('full');
      const spent = async (): Promise<number> => {
        const id = await run(['docker', 'ps', '-q', '--filter', `name=${lab.net}-agent`]);
        const pid = Number(await run(['docker', 'inspect', '--format', '{{.State.Pid}}', id]));
        return (lifeOf(pid)?.spent ?? Number.NaN) / ticksInSecond;
      };
      const logged = async (): Promise<number> => bytesIn(await ask(engine.written));
      const [spentBefore, loggedBefore] = [await spent(), await logged()];
      await ask([...dumpOf(megabytes * 1e6)].join('').replaceAll('`', ''), engine.name === 'postgres' ? '' : 'shop');
      const gigabytes = ((await logged()) - loggedBefore) / 1e9;
      for (let left = 20; (await agent.ask('ship')).kind === 'shipped' && left > 0; left -= 1);
      const ours = ((await spent()) - spentBefore) / gigabytes;
      const perGigabyte = async (command: string): Promise<number> =>
        secondsOf(await inServer(`mkdir -p /tmp/log; ${command} >&2; times`)) / gigabytes;
      const theirs = engine.stream && (await perGigabyte(engine.stream.command));
      const cat = await perGigabyte(`cat ${engine.files} | cat >/dev/null`);
      const seconds = (each: number): string => each.toFixed(1);
      return {
        what: `log of ${engine.name}: agent / ${engine.stream?.program ?? 'cat'}, CPU seconds per GB`,
        ratio: ours / (theirs ?? cat),
        detail: `${[ours, ...(theirs === undefined ? [] : [theirs])].map(seconds).join(' / ')} s; cat ${seconds(cat)} s; ${gigabytes.toFixed(2)} GB of log`,
      };
    } finally {
      await agent.end();
    }
  } finally {
    await lab.end();
  }
}

/** Of a list of files, with a length in the second column of each. */
export const bytesIn = (list: string): number =>
  list
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.split(/[\t|]/)[1]), 0);
