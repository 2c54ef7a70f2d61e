import { createConnection, type Connection } from 'mysql2/promise';
import { inWords } from '../refusals.ts';
import { addressOf, refusalOf, type MysqlAccess } from './access.ts';

/** Values as the server writes them. */
type Row = Readonly<Record<string, string | null>>;

/** One connection, for statements one after the other. */
export interface Session extends AsyncDisposable {
  readonly rows: (statement: string) => Promise<readonly Row[]>;
  /** The one row that there is. */
  readonly row: (statement: string) => Promise<Row>;
}

const connectMs = 15_000;

/** What a connection of ours is made with. */
export const connectionOptions = (access: MysqlAccess) =>
  ({
    ...addressOf(access),
    user: access.user,
    ...(access.password !== null && { password: access.password.reveal() }),
    ...(access.tls === 'unchecked' && { ssl: { rejectUnauthorized: false } }),
    ...(access.ca !== undefined && { ssl: { ca: access.ca.text, verifyIdentity: true } }),
    connectTimeout: connectMs,
    charset: 'utf8mb4',
    enableKeepAlive: true,
    typeCast: (field: { string: () => string | null }) => field.string(),
  }) as const;

/** @throws BerthError `unreachable` with what to put right. When `signal` is aborted the connection breaks, and what was asked fails with the reason. */
export async function connect(title: string, access: MysqlAccess, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const guarded = inWords(title, access, refusalOf(title), signal);
  const connection = await guarded(createConnection(connectionOptions(access)));
  connection.on('error', () => undefined); // whoever asks next is told
  const cut = (): void => connection.destroy();
  signal.addEventListener('abort', cut, { once: true });
  const rows: Session['rows'] = async (statement) => {
    const [found] = await guarded(connection.query(statement));
    return Array.isArray(found) ? (found as unknown as Row[]) : [];
  };
  const session: Session = {
    rows,
    row: async (statement) => {
      const [first] = await rows(statement);
      if (first === undefined) throw new Error(`no row from: ${statement}`);
      return first;
    },
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', cut);
      await leave(connection);
    },
  };
  await rows("SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
  return session;
}

const leave = async (connection: Connection): Promise<void> => {
  await connection.end().catch(() => undefined);
  connection.destroy();
};

export const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
