import { sqlserver } from '../../../model/engines/sqlserver.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ProgramEnd, Programs } from '../../ports/program.ts';
import { collect, once } from '../../streams/blocks.ts';
import { explainEnd, nameOf, saidBy, type SqlServerAccess } from './access.ts';

const longestAnswer = 512 * 2 ** 20;
/** The client keeps a folder below it. */
const home = '/tmp';
const mark = '@berth';
const end = '@end';
/** Columns of a fixed length are written whole; those without one are cut off after 256 characters. */
const longestColumn = 8000;

/**
 * The answer leaves as hexadecimal digits: the client breaks long lines, takes blanks off their ends, and writes other characters as its locale has them.
 */
const around = (database: string, script: string): string => `SET NOCOUNT ON;
USE ${nameOf(database)};
DECLARE @answer nvarchar(max);
${script}
DECLARE @hex varchar(max) = CONVERT(varchar(max), CAST(@answer AS varbinary(max)), 2), @from bigint = 1;
SELECT '${mark}';
WHILE @from <= LEN(@hex)
BEGIN
  SELECT CAST(SUBSTRING(@hex, @from, ${longestColumn}) AS varchar(${longestColumn}));
  SET @from += ${longestColumn};
END
SELECT '${end}';
GO
`;

/** Where a script is run, and what becomes of what the server says against it. */
interface Asking {
  /** Its own database, unless another is named. */
  readonly database?: string;
  readonly explain?: (end: ProgramEnd) => BerthError | undefined;
}

/**
 * What Transact-SQL answers, by the client of the unchanged image. The script comes by standard input: a command line can be seen by others.
 *
 * @param script - One batch; sets `@answer` to an object of JSON.
 * @throws BerthError `unreachable` with what to put right.
 */
export async function ask<Answer>(
  programs: Programs,
  access: SqlServerAccess,
  script: string,
  signal: AbortSignal,
  { database = access.database, explain = explainEnd(access) }: Asking = {},
): Promise<Answer> {
  const { host, port, user, password } = access;
  // -b: an error is one for us, too; -r1: and is no value; -x: nothing in a script is taken for a variable of the client.
  const options = ['-No', '-C', '-l', '15', '-b', '-r1', '-I', '-x', '-h', '-1', '-W', '-w', '65535'];
  await using running = programs.start(
    {
      argv: [sqlserver.client, '-S', `${host},${port}`, '-U', user, ...options],
      env: { SQLCMDPASSWORD: password, HOME: home },
      input: once(Buffer.from(around(database, script))),
      explain: (how) => explain(how) ?? unknown(access, how),
    },
    signal,
  );
  const said = Buffer.from(await collect(running.output, longestAnswer)).toString('utf8');
  const [from, to] = [said.indexOf(mark), said.lastIndexOf(end)];
  const digits = said.slice(from + mark.length, to).replaceAll(/\s/g, '');
  if (from < 0 || to < from || digits === '' || !/^[0-9A-F]*$/.test(digits))
    throw new BerthError('unreachable', `${sqlserver.client} gave no answer`, 'see the log of the server; it is asked again');
  return JSON.parse(Buffer.from(digits, 'hex').toString('utf16le')) as Answer;
}

const unknown = ({ host, user }: SqlServerAccess, { stderr }: ProgramEnd): BerthError =>
  new BerthError(
    'unreachable',
    `${sqlserver.title} at ${host}: ${saidBy(stderr)}`,
    `see the log of the server, and that ${user} may do this`,
  );
