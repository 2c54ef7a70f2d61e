import type { BerthError } from '../../../model/errors.ts';
import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { Secret } from '../../../model/secret.ts';
import type { ProgramEnd } from '../../ports/program.ts';
import { again, refusalFrom, type Refusal } from '../refusals.ts';

/** As whom, and where, a server is spoken to. */
export interface SqlServerAccess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  /** The one that is copied. */
  readonly database: string;
}

/** A string of Transact-SQL. */
export const textOf = (value: string): string => `N'${value.replaceAll("'", "''")}'`;
/** A name of Transact-SQL. */
export const nameOf = (value: string): string => `[${value.replaceAll(']', ']]')}]`;

const refusals: readonly Refusal<SqlServerAccess>[] = [
  { pattern: /Login failed for user|Msg 18456\b/, cure: ({ user }) => `see that the password of ${user} is the one that the server knows` },
  {
    pattern: /Msg (?:262|229|297|300|916|3110|15247)\b|permission (?:was )?denied|does not have permission/i,
    cure: ({ user, database }) =>
      `give ${user} in ${database} the roles ${sqlserver.backup.roles.join(', ')} and the rights that the accounts of the site bring: start ${database}-accounts, or whatever makes them, again`,
  },
  {
    pattern: /Msg 911\b|Cannot open database|Msg 4060\b/,
    cure: ({ database }) => `see that the server has the database ${database}, that it is online, and that backups may log in to it`,
  },
  {
    pattern: /Msg 3201\b|Cannot open backup device/,
    cure: ({ host }) => `see that ${host} and its agent have the same volume at ${sqlserver.exchangeFolder}, and that both may write there`,
  },
  {
    pattern: /Msg 3202\b|Msg 3257\b|There is not enough space|Operating system error (?:28|112)\b|insufficient free space/,
    cure: () => `make room in the volume that the server and its agent share at ${sqlserver.exchangeFolder}`,
  },
  { pattern: /Msg 9002\b/, cure: () => 'its log is full: make room on the disk of the database; the log shrinks with the next copy of it' },
  {
    pattern: /Msg 3013\b.*Msg 1844\b|Msg 1844\b/s,
    cure: () => 'this edition does not compress backups, and said before that it does: see what edition the server is',
  },
  {
    pattern: /Login timeout expired|TCP Provider|server is not found|Error code 0x2(?:749|AF9)|actively refused|timed? ?out/i,
    cure: ({ host, port }) => `see that the server runs and can be reached at ${host}, port ${port}`,
  },
  {
    pattern: /Communication link failure|Msg (?:3023|3041|6005|1205|596|3903)\b|SHUTDOWN is in progress|server is in script upgrade/,
    cure: again,
  },
];

const refusalOf = refusalFrom(refusals, sqlserver.title, /^(?:Sqlcmd: Error: )?(?:Microsoft ODBC Driver \d+ for SQL Server : )?/);

/** The client says each error in two lines, the number first; the last one is mostly that something ended because of the others. */
export function saidBy(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const causes = lines.flatMap((line, index) => {
    const number = /^Msg (\d+),/.exec(line)?.[1];
    return number === undefined || number === '3013' ? [] : [`${lines[index + 1]?.trim() ?? ''} (Msg ${number})`];
  });
  return causes[0] ?? lines.at(-1) ?? '';
}

/** For the end of its client. */
export const explainEnd =
  (access: SqlServerAccess) =>
  ({ stderr }: ProgramEnd): BerthError | undefined =>
    refusalOf(`${stderr.trim()}\n${saidBy(stderr)}`, access);
