import pg from 'pg';
import { inWords } from '../refusals.ts';
import { refusalOf, type PostgresAccess } from './access.ts';

/** A value as the server writes it. */
type Row = Readonly<Record<string, string | null>>;

/** One connection, for statements one after the other. */
export interface Session extends AsyncDisposable {
  readonly rows: (statement: string, values?: readonly string[]) => Promise<readonly Row[]>;
  /** The one row that there is. */
  readonly row: (statement: string, values?: readonly string[]) => Promise<Row>;
}

const connectMs = 15_000;
/** Rows are written the same way wherever they are read: hashes of them are compared. */
const settings =
  "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = pg_catalog";

/** @throws BerthError `unreachable` with what to put right. When `signal` is aborted the connection breaks, and what was asked fails with the reason. */
export async function connect(access: PostgresAccess, database: string, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const client = new pg.Client({
    host: access.host,
    port: access.port,
    user: access.user,
    database,
    ...(access.password !== null && { password: access.password.reveal() }),
    ...(access.tls === 'unchecked' && { ssl: { rejectUnauthorized: false } }),
    ...(access.ca !== undefined && { ssl: { ca: access.ca.text } }),
    application_name: 'berth',
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    types: { getTypeParser: () => (value: string) => value },
  });
  client.on('error', () => undefined); // whoever asks next is told
  const cut = (): void => void client.end().catch(() => undefined);
  signal.addEventListener('abort', cut, { once: true });
  const guarded = inWords('PostgreSQL', access, refusalOf, signal);
  const rows: Session['rows'] = async (statement, values = []) =>
    (await guarded(client.query<Record<string, string | null>>(statement, [...values]))).rows;
  try {
    await guarded(client.connect());
    await guarded(client.query(settings));
  } catch (error) {
    signal.removeEventListener('abort', cut);
    cut();
    throw error;
  }
  return {
    rows,
    row: async (statement, values) => {
      const [first] = await rows(statement, values);
      if (first === undefined) throw new Error(`no row from: ${statement}`);
      return first;
    },
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', cut);
      await client.end().catch(() => undefined);
    },
  };
}
