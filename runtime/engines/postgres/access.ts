import type { BerthError } from '../../../model/errors.ts';
import type { Secret } from '../../../model/secret.ts';
import type { Program, ProgramEnd } from '../../ports/program.ts';
import { again, refusalFrom, type Refusal } from '../refusals.ts';
import { tlsRefusals, type TlsMode } from '../tls-mode.ts';

/** As whom, and where, a server is spoken to. */
export interface PostgresAccess {
  /** A host, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** None for a server of our own that lets in whoever reaches its socket. */
  readonly password: Secret | null;
  /** Where it is reached by TLS alone: whether its certificate is by the site's own authority, by one of those that are known, or not looked at. */
  readonly tls?: TlsMode;
  /** Whom to trust, where its certificate is looked at. */
  readonly ca?: { readonly file: string; readonly text: string };
}

/** For programs of PostgreSQL: nothing of it is an argument, and no file of the user's home plays a part. */
export const environmentOf = ({ host, port, user, password, ca, tls }: PostgresAccess): NonNullable<Program['env']> => ({
  PGHOST: host,
  PGPORT: String(port),
  PGUSER: user,
  ...(password !== null && { PGPASSWORD: password }),
  ...(tls === 'unchecked' && { PGSSLMODE: 'require' }),
  ...(ca !== undefined && { PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca.file }),
  PGPASSFILE: '/dev/null',
  PGAPPNAME: 'berth',
  PGCONNECT_TIMEOUT: '15',
  LC_ALL: 'C',
});

const refusals: readonly Refusal<PostgresAccess>[] = [
  {
    pattern: /password authentication failed|no password supplied|password must be a/,
    cure: ({ user }) => `see that the password of ${user} is the one that the server knows`,
  },
  {
    pattern: /no pg_hba\.conf entry|pg_hba\.conf rejects/,
    cure: ({ user }) => `let ${user} in by pg_hba.conf: one line for database "all" and one for "replication"`,
  },
  ...tlsRefusals,
  { pattern: /must be superuser or replication role|permission denied to (?:start WAL sender|use replication)/, cure: needsReplication },
  { pattern: /is not permitted to log in/, cure: ({ user }) => `run ALTER ROLE ${user} LOGIN as administrator of the server` },
  {
    pattern: /permission denied for database|does not have CONNECT privilege/,
    cure: ({ user }) => `run GRANT CONNECT ON DATABASE … TO ${user} for that database, as administrator of the server`,
  },
  { pattern: /role ".*" does not exist/, cure: ({ user }) => `create the account ${user} with LOGIN REPLICATION` },
  {
    pattern:
      /refused|could not translate host name|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|timeout expired|No route|EHOSTUNREACH|does not exist.*socket|No such file/,
    cure: ({ host, port }) => `see that the server runs and can be reached at ${host}, port ${port}`,
  },
  {
    pattern: /starting up|shutting down|in recovery mode|terminating connection|closed the connection|Connection terminated|ECONNRESET/,
    cure: again,
  },
  { pattern: /too many (?:clients|connections)|number of requested standby connections exceeds/, cure: moreSenders },
];

function needsReplication({ user }: PostgresAccess): string {
  return `run ALTER ROLE ${user} REPLICATION as administrator of the server`;
}
function moreSenders(): string {
  return 'see that max_connections and max_wal_senders leave room for backups: they need two senders and two connections';
}

export const refusalOf = refusalFrom(refusals, 'PostgreSQL', /^.*(?:FATAL|ERROR): +/);

/** For the end of a program that is a client of the server. */
export const explainEnd =
  (access: PostgresAccess) =>
  ({ stderr }: ProgramEnd): BerthError | undefined =>
    refusalOf(stderr, access);
