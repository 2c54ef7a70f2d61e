import { describeBytes } from '../../model/backup/bytes.ts';
import { manifestPrefix } from '../../model/backup/layout.ts';
import { BerthError } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { isDatabase, rulesOf, type DatabaseJob } from '../../runtime/databases.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import type { ListedTransaction } from '../../runtime/jobs/kept-transactions.ts';
import { listTransactions, type TransactionQuery } from '../../runtime/jobs/list-transactions.ts';
import { readVerifications } from '../../runtime/jobs/verifications.ts';
import { logReaders } from '../../runtime/log-readers.ts';
import { levelOf } from '../../runtime/look-again.ts';
import { openStore, trustedSigners } from '../../runtime/open-store.ts';
import { inAgent } from '../agent-exec.ts';
import { momentOf } from '../moment.ts';
import { type Asked, firstPlaceAlone, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { theOne } from '../restore/choose-named.ts';
import { agentIdentity, givenKeyFile, identityIn } from '../restore/keys.ts';
import { worldOf } from '../runtime-config.ts';
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
  /** Logs of that time that lie there all the same. */
  readonly unreadable?: readonly string[];
}

type Shown = Omit<ListedTransaction, 'at'> & { readonly at: string };

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
  readonly transactions: readonly Shown[];
  /** An agent of an earlier version does not say. */
  readonly suspect?: Shown | null;
}

/** What to type next, in that order. */
interface Cure {
  /** Brings back what only the second place may have. */
  readonly copy: string | null;
  readonly restore: string;
}

const width = 3;
const showEveryMs = 300;
/** As many are held at once, and again as text. */
const mostShown = 10_000;

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
    const several = config.backups.jobs.filter(isDatabase).length > 1;
    const { suspect } = listed;
    // Of two histories each may have a transaction of that number.
    const full = new Set(listed.transactions.map(({ history }) => history)).size > 1 ? suspect?.full : undefined;
    const cure = cureOf(suspect?.id ?? 'TRANSACTION', several ? job.name : undefined, { ...asked, full }, context.cwd);
    const { copy, restore } = suspect ? cure : { copy: null, restore: null };
    if (asked.json) return context.out(`${JSON.stringify({ ...listed, copy, restore }, null, 2)}\n`);
    describeTransactions(listed, asked, cure, context);
  });

function queryOf({ since, until, table: wanted, limit, largest }: TransactionsAsked): TransactionQuery {
  if (!/^[1-9]\d{0,4}$/.test(limit) || Number(limit) > mostShown)
    throw new BerthError('usage', `${limit} is no number of transactions`, `write one from 1 to ${mostShown}, and ask for a shorter time`);
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
  const { config, folder } = runtimeOf(asked.site, asked.from);
  const store = await openStore(config.backups, folder, 'open', worldOf(context));
  const trusted = trustedSigners(config.backups, folder);
  // Of this source alone: there may be a month of logs of each of the others.
  const place = { site: config.site, source: job.name };
  const counted = (count: number): void => say(`${count} backups found`);
  const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal, () => true, counted);
  const { proofs } = await readVerifications(place, store, trusted, signal);
  const reader = logReaders[job.kind];
  if ('instead' in reader) throw new Error('no reader');
  let bytes = 0;
  const found = await listTransactions(
    manifests,
    query,
    {
      store,
      engine: job.kind,
      rules: rulesOf[job.kind],
      reader,
      isBroken: (id) => levelOf(proofs, id) < 0,
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

export function cureOf(
  id: string,
  name: string | undefined,
  { site, from, key, cluster, full }: TransactionsAsked & { readonly full?: string | undefined },
  cwd: string,
): Cure {
  const where = site === cwd ? [] : [`--site ${typed(site)}`];
  return {
    copy: from === 'offsite' ? ['berth backup copy --from offsite', ...where].join(' ') : null,
    restore: [
      'berth restore --only database',
      ...(name === undefined ? [] : [`--name ${typed(name)}`]),
      `--before ${id} --into scratch`,
      ...(full === undefined ? [] : [`--full ${full}`]),
      ...where,
      ...(key === undefined ? [] : [`--key ${typed(key)}`]),
      ...(cluster?.kubeconfig === undefined ? [] : [`--kubeconfig ${typed(cluster.kubeconfig)}`]),
      ...(cluster?.context === undefined ? [] : [`--context ${typed(cluster.context)}`]),
    ].join(' '),
  };
}

const clock = (iso: string): string => `${iso.slice(0, 23).replace('T', ' ')}Z`;

/** Names are of whoever made the tables: nothing in them speaks to the terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

/** As many fit into a line; --json has all. */
const mostNamed = 8;

function did({ tables, statements, isOpaque, isPartial }: Shown): string {
  const all = [
    ...statements,
    ...tables.map(
      ({ name, inserted, updated, deleted }) =>
        `${name} ${[inserted > 0 ? `+${inserted}` : '', updated > 0 ? `~${updated}` : '', deleted > 0 ? `-${deleted}` : ''].filter((each) => each !== '').join(' ')}`,
    ),
  ];
  const more = all.length > mostNamed ? [`${all.length - mostNamed} more`] : [];
  const rest = isOpaque ? [all.length === 0 ? 'compressed: not looked into' : 'and what is not looked into'] : [];
  if (isPartial === true) rest.push('and what it did before the log that was read');
  return [...all.slice(0, mostNamed), ...more, ...rest].map(plain).join(', ');
}

const rowsCounted = 'rows inserted, updated and deleted; catalog is what the server keeps of its own, such as definitions';
const eventsCounted = 'what the log holds of rows inserted, updated and deleted: events of up to some 8 KiB, not rows';

function missing({ from, until, unreadable: [one, ...others] = [] }: Span): string {
  const time = `from ${clock(from)} to ${clock(until)}`;
  if (one === undefined) return `there is no log ${time}`;
  const which = others.length === 0 ? `${one} is` : `${one} and ${others.length} more are`;
  return `the log ${time} cannot be read: ${which} broken, or what it follows is missing; see \`berth backup show ${one}\``;
}

/** Where a number may be told twice, the backup with which its history began comes before it. */
function rowsOf(transactions: readonly Shown[]): { readonly rows: readonly (readonly string[])[]; readonly histories: number } {
  const histories = new Set(transactions.map(({ history }) => history)).size;
  const rows = transactions.map((each) => [
    clock(each.at),
    ...(histories > 1 ? [each.history] : []),
    each.id,
    describeBytes(each.bytes),
    did(each),
  ]);
  const head = ['committed', ...(histories > 1 ? ['history'] : []), 'transaction', 'size', 'what'];
  return { rows: rows.length === 0 ? [] : [head, ...rows], histories };
}

export function describeTransactions(
  listed: Listed,
  { largest, table: wanted }: Pick<TransactionsAsked, 'largest' | 'table'>,
  { copy, restore }: Cure,
  context: Pick<RuntimeContext, 'out' | 'color' | 'columns'>,
): void {
  const { database, since, until, logUntil, matched, counts, holes, transactions, suspect } = listed;
  context.out(`${paint(context.color)('bold', database)} from ${clock(since)} to ${clock(until)}\n\n`);
  const { rows, histories } = rowsOf(transactions);
  const lines = rows.length === 0 ? [] : table(rows, [histories > 1 ? 3 : 2]).split('\n');
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
  const note = (text: string): void => context.out(`${noteOf(text, context)}\n`);
  for (const hole of largest ? holes : holes.slice(told)) note(missing(hole));
  if (matched > transactions.length)
    note(
      `${transactions.length} of ${matched} are shown, the ${largest ? 'largest' : 'newest'}: --limit shows more, --since, --until and --table fewer`,
    );
  if (histories > 1)
    note(
      `these are of ${histories} histories, each named by the backup that it began with: data were put back between them, or came to another server, and the same number may be another transaction`,
    );
  if (wanted !== undefined && counts === 'rows')
    note(`${wanted} is looked for among the names of the time of the backup before the log: what was renamed since has its old name here`);
  if (transactions.length > 0) context.out(`+ ~ - count ${counts === 'rows' ? rowsCounted : eventsCounted}\n`);
  context.out(
    `log until ${clock(logUntil)}; what was committed later is not there yet: \`berth backup now ${database} --log\` brings it\n`,
  );
  if (transactions.length === 0) return;
  if (suspect) context.out('\nto just before the one that removes most, or is the largest:\n');
  else context.out('\nwhich one removes most is not known, as not all could be looked into; to just before one of them:\n');
  for (const command of [copy, restore]) if (command !== null) context.out(`→ ${command}\n`);
}
