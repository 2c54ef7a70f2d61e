import { authorityFile } from '../../model/internal-tls.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mongodb } from '../../model/engines/mongodb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { postgres } from '../../model/engines/postgres.ts';
import { sqlserver } from '../../model/engines/sqlserver.ts';
import type { DatabasePlan } from '../../model/database-plan.ts';
import type { DatabaseEngineName } from '../../model/database-spec.ts';

/** What is typed in the container of a database to copy it whole and to bring the copy back; no single quote in the first two, as a runbook puts them around it. */
interface Commands {
  readonly dump: string;
  readonly restore: string;
  /** Ending of the file between the two. */
  readonly extension: string;
  /** What is typed in the container of its replica to make that one a primary; typed twice, it changes nothing. */
  readonly promote?: string;
  /** What is typed there to see how far it has come in the log of its primary. */
  readonly received?: string;
}

const family =
  ({ clients, configFolder, image }: typeof mysql | typeof mariadb, own: string) =>
  ({ service, database, tls }: DatabasePlan): Commands => {
    const login = `--defaults-extra-file=/run/secrets/${service}-admin-client`;
    return {
      // Dropped before it is made anew, so that what was added after the copy is gone as well.
      dump: `exec ${clients.dump} ${login} --single-transaction --quick --routines --events --triggers --hex-blob ${own}--add-drop-database --databases ${database}`,
      restore: `exec ${clients.sql} ${login}`,
      extension: 'sql',
      promote: `/bin/bash ${configFolder}/promote.sh`,
      // MariaDB's client refuses a certificate that nobody signed, unless the login proves the server.
      received: `sh -c 'echo "SHOW REPLICA STATUS" | ${clients.sql} ${login} --host=127.0.0.1 --protocol=tcp ${image === 'mariadb' && !tls ? '--skip-ssl ' : ''}--vertical | grep -E " ((Source|Master)_Log_File|Read_(Source|Master)_Log_Pos):"'`,
    };
  };

const commands: Readonly<Record<DatabaseEngineName, (database: DatabasePlan) => Commands>> = {
  postgres: ({ service, database, operator }) => {
    // Whoever is in the container of the operator is let in by the socket.
    if (operator)
      return {
        dump: `exec pg_dump -Fc ${database}`,
        restore: `exec pg_restore --clean --if-exists --exit-on-error -d ${database}`,
        extension: 'dump',
      };
    const login = `PGPASSWORD=$(cat /run/secrets/${service}-admin) exec`;
    return {
      dump: `${login} pg_dump -h 127.0.0.1 -U ${postgres.superuser} -Fc ${database}`,
      restore: `${login} pg_restore -h 127.0.0.1 -U ${postgres.superuser} --clean --if-exists --exit-on-error -d ${database}`,
      extension: 'dump',
      promote: `sh -c 'if test -e ${postgres.dataFolder}/standby.signal; then pg_ctl promote -D ${postgres.dataFolder}; fi'`,
      received: `sh -c 'PGPASSFILE=${postgres.replication.passFile} psql --no-psqlrc -At -h 127.0.0.1 -U ${postgres.replication.account} -d postgres -c "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"'`,
    };
  },
  // The copy goes back to the server it came from, which knows its transactions already.
  mysql: family(mysql, '--set-gtid-purged=OFF '),
  mariadb: family(mariadb, ''),
  sqlserver: () => ({
    dump: `exec /bin/bash ${sqlserver.configFolder}/dump.sh`,
    restore: `exec /bin/bash ${sqlserver.configFolder}/restore.sh`,
    extension: 'bak',
  }),
  mongodb: ({ service, database, members = [], tls }) => {
    const place = members.length > 1 ? `--host=${mongodb.replicaSet}/${members.join(',')}` : `--host=127.0.0.1 --port=${mongodb.port}`;
    const login = `--config=/run/secrets/${service}-admin-tools ${place} --username=${mongodb.administrator} --authenticationDatabase=admin --quiet${tls ? ` --ssl --sslCAFile=${authorityFile}` : ''} --archive`;
    return {
      dump: `exec mongodump ${login} --db=${database}`,
      restore: `exec mongorestore ${login} --drop --nsInclude="${database}.*"`,
      extension: 'archive',
    };
  },
};

export const commandsOf = (database: DatabasePlan): Commands => commands[database.engine](database);
