import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';

/** How statements are put to a server from inside its container. */
interface SqlClient {
  /** A shell command with the address in `URL` and the statements in its first argument. */
  readonly client: string;
  /** The time by the clock of the server, as it is given to `restore --at`. */
  readonly now: string;
}

const family = ({ clients }: typeof mysql | typeof mariadb): SqlClient => ({
  client: `url=\${URL#*//} url=\${url%%\\?*} user=\${url%%:*} url=\${url#*:} && MYSQL_PWD=\${url%%@*} ${clients.sql} ${clients.tls.verify.join(' ')} --ssl-ca=/run/secrets/site-ca --host=127.0.0.1 --user="$user" --batch --skip-column-names "\${url##*/}" --execute="$0"`,
  now: "SELECT CONCAT(LEFT(DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%T.%f'), 23), 'Z')",
});

/** As the application of a site with `internalTls`. */
export const sqlClients = {
  postgres: {
    client: 'psql "$URL" -qAtX -v ON_ERROR_STOP=1 -c "$0"',
    now: `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  },
  mysql: family(mysql),
  mariadb: family(mariadb),
} as const satisfies Readonly<Record<string, SqlClient>>;
