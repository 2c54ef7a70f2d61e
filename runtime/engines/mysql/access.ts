import type { BerthError } from '../../../model/errors.ts';
import { mariadb } from '../../../model/engines/mariadb.ts';
import { mysql } from '../../../model/engines/mysql.ts';
import type { Secret } from '../../../model/secret.ts';
import type { Program, ProgramEnd } from '../../ports/program.ts';
import { again, refusalFrom, type Refusal } from '../refusals.ts';
import { tlsRefusals, type TlsMode } from '../tls-mode.ts';

/** As whom, and where, a server is spoken to. */
export interface MysqlAccess {
  /** A host, or the path of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** None for a server of our own that only we can reach. */
  readonly password: Secret | null;
  /** Where it is reached by TLS alone: whether its certificate is by the site's own authority, by one of those that are known, or not looked at. */
  readonly tls?: TlsMode;
  /** Whom to trust, where its certificate is looked at. */
  readonly ca?: { readonly file: string; readonly text: string };
}

const isSocket = ({ host }: MysqlAccess): boolean => host.startsWith('/');

export const addressOf = (access: MysqlAccess) =>
  isSocket(access) ? { socketPath: access.host } : { host: access.host, port: access.port };

/** For programs of the engine: no option file plays a part, and the password is no argument. */
export const clientArguments = (access: MysqlAccess): readonly string[] => [
  '--no-defaults',
  ...(isSocket(access) ? [`--socket=${access.host}`] : ['--protocol=tcp', `--host=${access.host}`, `--port=${access.port}`]),
  `--user=${access.user}`,
];

export const environmentOf = ({ password }: MysqlAccess): NonNullable<Program['env']> => ({
  ...(password !== null && { MYSQL_PWD: password }),
  LC_ALL: 'C',
});

const refusals = (title: string): readonly Refusal<MysqlAccess>[] => [
  { pattern: /account is locked/i, cure: ({ user }) => `run ALTER USER ${user} ACCOUNT UNLOCK as administrator of the server` },
  {
    pattern: /Access denied for user .*using password/,
    cure: ({ user }) => `see that the password of ${user} is the one that the server knows`,
  },
  {
    pattern: /Access denied|command denied|need \(at least one of\)/,
    cure: ({ user }) =>
      `run GRANT ${(title === mariadb.title ? mariadb : mysql).copyRights} ON *.* TO ${user} as administrator of the server`,
  },
  ...tlsRefusals,
  {
    pattern: /Lock wait timeout exceeded/,
    cure: () => 'a statement on the server takes very long, and the backup does not let the others wait for it: it is tried again',
  },
  {
    pattern: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENOENT|Can't connect|Unknown (?:MySQL )?server host|timed? ?out/i,
    cure: ({ host, port }) => `see that the server runs and can be reached at ${host}, port ${port}`,
  },
  { pattern: /Too many connections|max_user_connections/, cure: () => 'see that max_connections leaves room for backups: they need three' },
  { pattern: /Lost connection|Connection lost|gone away|ECONNRESET|EPIPE|shutdown in progress|was killed|interrupted/, cure: again },
];

/** What a server or a client of it says when there is no connection to be had; `undefined` for anything else. */
export const refusalOf = (title: string) => refusalFrom(refusals(title), title, /^.*(?:ERROR|error):? +/);

/** For the end of a program that is a client of the server. */
export const explainEnd =
  (title: string, access: MysqlAccess) =>
  ({ stderr }: ProgramEnd): BerthError | undefined =>
    refusalOf(title)(stderr, access);
