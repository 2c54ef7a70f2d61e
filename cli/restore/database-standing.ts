import type { enginesKeptBeside } from '../../model/backup/copied-engines.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { mysqlFamily } from '../../model/engines/mysql-family.ts';
import { postgres } from '../../model/engines/postgres.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { DatabaseKind } from '../../runtime/databases.ts';

/** How a server over restored data is asked, in its container, where its socket lets everybody in. */
export interface Asking {
  /** Folder of its socket. */
  readonly socketFolder: string;
  /** Folder that the image declares as a volume, and that this server has no use for. */
  readonly unused: string;
  /** For whoever runs a client there. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends well once it answers. */
  readonly ready: readonly string[];
  /** What is typed there to look into a database, and to write one table of it out as SQL. */
  readonly look: (database: string) => string;
  readonly dumpTable: (database: string) => string;
}

const family = ({ clients }: typeof mysql | typeof mariadb): Asking => ({
  socketFolder: mysqlFamily.socketFolder,
  unused: mysqlFamily.volumeFolder,
  env: { MYSQL_UNIX_PORT: mysqlFamily.socketFile, HOME: '/tmp' },
  ready: [clients.admin, '--no-defaults', 'ping', '--silent'],
  look: (database) => `${clients.sql} ${database}`,
  dumpTable: (database) => `${clients.dump} --hex-blob --skip-lock-tables --skip-add-drop-table ${database} TABLE`,
});

const askings: Readonly<Record<(typeof enginesKeptBeside)[number], Asking>> = {
  postgres: {
    socketFolder: postgres.socketFolder,
    unused: postgres.volumeFolder,
    env: { PGUSER: postgres.superuser, PGHOST: postgres.socketFolder, HOME: '/tmp' },
    ready: ['pg_isready', '--quiet'],
    look: (database) => `psql ${database}`,
    dumpTable: (database) => `pg_dump --table=TABLE ${database}`,
  },
  mysql: family(mysql),
  mariadb: family(mariadb),
};

export const askingOf = (kind: DatabaseKind): Asking | undefined =>
  Object.hasOwn(askings, kind) ? askings[kind as keyof typeof askings] : undefined;

/** What Docker is told to start beside a site. */
export interface Standing {
  readonly container: string;
  readonly volume: string;
  /** Where the volume is mounted. */
  readonly mounted: string;
  readonly image: string;
  readonly argv: readonly string[];
}

/** As large as the agent, whose image it has; without a network, and as confined as everything of the site. It starts again with the host. */
export function runStanding({ user, size }: PlannedService, { socketFolder, unused, env }: Asking, standing: Standing): readonly string[] {
  const [program = '', ...words] = standing.argv;
  const [uid = '', gid = uid] = user.split(':');
  const { container, volume, mounted, image } = standing;
  // None of them has a space in it.
  const options = [
    `--detach --name ${container} --restart unless-stopped --stop-timeout 60 --pull never --log-opt max-size=10m --log-opt max-file=2`,
    `--user ${user} --network none --read-only --cap-drop ALL --security-opt no-new-privileges`,
    `--memory ${size.memory}m --memory-swap ${size.memory}m --cpus ${size.cpu / 1000} --pids-limit ${size.pids}`,
    `--tmpfs /tmp:size=16m --tmpfs ${socketFolder}:size=1m,uid=${uid},gid=${gid},mode=0700 --tmpfs ${unused}:size=1m`,
    `--volume ${volume}:${mounted} --entrypoint ${program}`,
  ].flatMap((line) => line.split(' '));
  const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  return ['run', ...options, ...variables, image, ...words];
}
