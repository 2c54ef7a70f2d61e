import { describeBytes } from '../../model/backup/bytes.ts';
import { BerthError } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { isDatabase, rulesOf, type DatabaseJob } from '../../runtime/databases.ts';
import { listTransactions, type TransactionQuery } from '../../runtime/jobs/list-transactions.ts';
import { logReaders } from '../../runtime/log-readers.ts';
import { ownTables, type LoggedTransaction } from '../../runtime/ports/log-reader.ts';
import { inAgent } from '../agent-exec.ts';
import { momentOf } from '../moment.ts';
import { type Asked, firstPlaceAlone, openCatalogue, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { theOne } from '../restore/choose-named.ts';
import { agentIdentity, givenKeyFile, identityIn } from '../restore/keys.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { noteOf, paint, table, typed } from '../text.ts';
import { shortName } from './text.ts';

export interface TransactionsAsked extends Asked {
  readonly database: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly table: string | undefined;
  readonly limit: string;
  readonly largest: boolean;
  readonly key: string | undefined;
}

interface Span {
  readonly from: string;
  readonly until: string;
}

/** What is answered, here or by the agent: times as text. */
interface Listed {
  readonly database: string;
  readonly since: string;
  readonly until: string;
  readonly logUntil: string;
  readonly matched: number;
  /** Nothing of an agent that looks into the log of MySQL and MariaDB alone. */
  readonly counts?: 'rows' | 'events';
  readonly holes: readonly Span[];
  readonly transactions: readonly (Omit<LoggedTransaction, 'at'> & { readonly at: string })[];
}

const width = 3;
const showEveryMs = 300;

/** Which transactions lie in the log of a database: read here with a key, and else by its agent, which has one of its own. */
export const showTransactions = (asked: TransactionsAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const query = queryOf(asked);
    const { config } = runtimeOf(asked.site, asked.from);
    const job = jobOf(config.backups.jobs, asked.database);
    const reader = logReaders[job.kind];
    if ('instead' in reader)
      throw new BerthError('unsupported', `the log of ${job.name} is of a kind that this version does not look into`, reader.instead);
    const key = givenKeyFile(asked.site, asked.key);
    const { agent } = job;
    if (key === undefined && agent !== undefined && asked.from === 'offsite') throw firstPlaceAlone();
    using progress = progressOn(context, asked.json);
    const listed =
      key === undefined && agent !== undefined
        ? await byAgent(job, agent, asked, context, signal)
        : await here(job, key, asked, query, context, signal, progress.say);
    progress[Symbol.dispose]();
    const suspect = suspectIn(listed.transactions);
    const several = config.backups.jobs.filter(isDatabase).length > 1;
    const restore = suspect === undefined ? null : restoreCommand(suspect.id, several ? job.name : undefined, asked, context.cwd);
    if (asked.json) return context.out(`${JSON.stringify({ ...listed, restore }, null, 2)}\n`);
    describeTransactions(listed, asked, restore, context);
  });

function queryOf({ since, until, table: wanted, limit, largest }: TransactionsAsked): TransactionQuery {
  if (!/^[1-9]\d{0,5}$/.test(limit)) throw new BerthError('usage', `${limit} is no number of transactions`, 'write one from 1 to 999999');
  return {
    since: since === undefined ? undefined : momentOf(since),
    until: until === undefined ? undefined : momentOf(until),
    table: wanted,
    limit: Number(limit),
    largest,
  };
}

/** @throws BerthError `usage` for what has no log. */
function jobOf(jobs: readonly BackupJob[], name: string | undefined): DatabaseJob {
  const other = jobs.find((job) => (job.name === name || shortName(job.name) === name) && !isDatabase(job));
  if (other !== undefined)
    throw new BerthError(
      'usage',
      `${shortName(other.name)} is copied as a whole each time, and has no log of transactions`,
      'see `berth backup list` for the times of its copies, and restore one with `berth restore --at TIME`',
    );
  const databases = jobs.filter(isDatabase);
  if (name === undefined && databases.length > 1)
    throw new BerthError('usage', 'which database?', `write --database with one of: ${databases.map((one) => one.name).join(', ')}`);
  return theOne(databases, 'database', name);
}

async function byAgent(
  { name }: DatabaseJob,
  agent: string,
  asked: TransactionsAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<Listed> {
  const { site, cluster } = asked;
  const given = (['since', 'until', 'table', 'limit'] as const).flatMap((option) =>
    asked[option] === undefined ? [] : [`--${option}`, asked[option]],
  );
  const verb = ['backup', 'transactions', '--database', name, ...given, ...(asked.largest ? ['--largest'] : [])];
  const home = { site, config: runtimeOf(site).config, ...(cluster && { cluster }) };
  using progress = progressOn(context, asked.json);
  const showing = setInterval(() => progress.say(`${agent} reads the log of ${name}`), showEveryMs);
  try {
    return (await inAgent(home, agent, verb, context, signal)) as unknown as Listed;
  } finally {
    clearInterval(showing);
  }
}

async function here(
  job: DatabaseJob,
  key: string | undefined,
  asked: TransactionsAsked,
  query: TransactionQuery,
  context: RuntimeContext,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<Listed> {
  const { store, catalogue, config, folder, levelOf } = await openCatalogue(asked.site, context, signal, asked.from);
  const reader = logReaders[job.kind];
  if ('instead' in reader) throw new Error('no reader');
  let bytes = 0;
  const found = await listTransactions(
    catalogue.manifests.filter(({ source, id }) => source === job.name && levelOf(id) >= 0),
    query,
    {
      store,
      engine: job.kind,
      rules: rulesOf[job.kind],
      reader,
      identity: key === undefined ? await agentIdentity({ config, folder }) : identityIn(key, context),
      width,
      heard: (more) => {
        bytes += more;
        say(`${describeBytes(bytes)} of the log read`);
        signal.throwIfAborted();
      },
    },
    signal,
  );
  // Dates become text by this, as they do on the way from an agent.
  return JSON.parse(JSON.stringify({ database: job.name, ...found })) as Listed;
}

type Shown = Listed['transactions'][number];

const removes = ({ statements, tables }: Shown): number =>
  statements.some((each) => /^(?:DROP|TRUNCATE|DELETE)\b/.test(each))
    ? Infinity
    : tables.reduce((sum, { name, deleted }) => sum + (name === ownTables ? 0 : deleted), 0);

/** The one that removes most; where none does, the largest. */
export const suspectIn = (transactions: readonly Shown[]): Shown | undefined =>
  transactions.toSorted((a, b) => {
    const [mine, theirs] = [removes(a), removes(b)];
    return mine === theirs ? b.bytes - a.bytes : theirs > mine ? 1 : -1;
  })[0];

function restoreCommand(id: string, name: string | undefined, { site, key }: TransactionsAsked, cwd: string): string {
  return [
    'berth restore --only database',
    ...(name === undefined ? [] : [`--name ${typed(name)}`]),
    `--before ${id} --into scratch`,
    ...(site === cwd ? [] : [`--site ${typed(site)}`]),
    ...(key === undefined ? [] : [`--key ${typed(key)}`]),
  ].join(' ');
}

const clock = (iso: string): string => `${iso.slice(0, 23).replace('T', ' ')}Z`;

/** Names are of whoever made the tables: nothing in them speaks to the terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

const did = ({ tables, statements, isOpaque, isPartial }: Shown): string =>
  [
    ...statements,
    ...tables.map(
      ({ name, inserted, updated, deleted }) =>
        `${name} ${[inserted > 0 ? `+${inserted}` : '', updated > 0 ? `~${updated}` : '', deleted > 0 ? `-${deleted}` : ''].filter((each) => each !== '').join(' ')}`,
    ),
    ...(isOpaque ? ['compressed: not looked into'] : []),
    ...(isPartial === true ? ['and what it did before the log that was read'] : []),
  ]
    .map(plain)
    .join(', ');

const rowsCounted = 'rows inserted, updated and deleted; catalog is what the server keeps of its own, such as definitions';
const eventsCounted = 'what the log holds of rows inserted, updated and deleted: events of up to some 8 KiB, not rows';
const missing = ({ from, until }: Span): string => `there is no log from ${clock(from)} to ${clock(until)}`;

export function describeTransactions(
  listed: Listed,
  { largest }: Pick<TransactionsAsked, 'largest'>,
  restore: string | null,
  context: Pick<RuntimeContext, 'out' | 'color' | 'columns'>,
): void {
  const { database, since, until, logUntil, matched, counts, holes, transactions } = listed;
  context.out(`${paint(context.color)('bold', database)} from ${clock(since)} to ${clock(until)}\n\n`);
  const rows = transactions.map((each) => [clock(each.at), each.id, describeBytes(each.bytes), did(each)]);
  const lines = rows.length === 0 ? [] : table([['committed', 'transaction', 'size', 'what'], ...rows], [2]).split('\n');
  // Each hole stands where it is, unless the largest come first.
  let told = largest ? holes.length : 0;
  for (const [index, line] of lines.entries()) {
    const at = transactions[index - 1]?.at ?? '';
    const passed = holes.filter((hole, place) => place >= told && hole.until <= at);
    for (const hole of passed) context.out(`  -- ${missing(hole)} --\n`);
    told += passed.length;
    context.out(`${line}\n`);
  }
  context.out(rows.length === 0 ? '  no transaction\n\n' : '\n');
  for (const hole of largest ? holes : holes.slice(told)) context.out(`${noteOf(missing(hole), context)}\n`);
  if (matched > transactions.length)
    context.out(
      `${noteOf(`${transactions.length} of ${matched} are shown, the ${largest ? 'largest' : 'newest'}: --limit shows more, --since, --until and --table fewer`, context)}\n`,
    );
  if (transactions.length > 0) context.out(`+ ~ - count ${counts === 'rows' ? rowsCounted : eventsCounted}\n`);
  context.out(
    `log until ${clock(logUntil)}; what was committed later is not there yet: \`berth backup now ${database} --log\` brings it\n`,
  );
  if (restore !== null) context.out(`\nto just before the one that removes most, or is the largest:\n→ ${restore}\n`);
}
