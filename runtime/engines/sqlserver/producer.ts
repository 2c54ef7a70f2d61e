import { createReadStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import { NoIncrement, type ProducedStream, type Producer, type SnapshotFacts } from '../../ports/producer.ts';
import type { Restorable } from '../../ports/scratch-engine.ts';
import { once } from '../../streams/blocks.ts';
import { factsFile } from '../scratch-place.ts';
import { summaryOf, type FactLimits } from '../table-facts.ts';
import { checkRoom, fileOf, openExchange, writeFileOf, type SqlServerTools, type Written } from './backup-file.ts';
import { takeFacts } from './facts.ts';
import { identify, lineOf, otherThan, type Identity } from './identity.ts';

export interface ProducerTools extends SqlServerTools {
  readonly limits: FactLimits;
}

/** Streams of a full backup and of a differential one, as the server itself writes and reads them. */
export const fullFile = 'full.bak';
export const differentialFile = 'differential.bak';

/** How long the server remembers its backups: without an end its own list of them would grow with every log. */
const rememberedDays = 7;

/** The whole database, with what its log needs to make it one of one moment. */
export const sqlserverProducer = (tools: ProducerTools): Producer => producerOf(tools, undefined);

/** What changed since a full backup, whatever was made in between. */
export const sqlserverDifferential = (tools: ProducerTools, full: Restorable): Producer => producerOf(tools, full);

const producerOf = (tools: ProducerTools, full: Restorable | undefined): Producer => ({
  engine: 'sqlserver',
  open: async (signal) => {
    const identity = await identify(tools.programs, tools.access, signal);
    if (full !== undefined) checkBase(full, identity);
    await openExchange(tools.exchange);
    await sweep(tools.exchange);
    await checkRoom(tools, identity, full === undefined ? identity.bytes : identity.changedBytes);
    const run = new Run(tools, identity, full, signal);
    return { streams: run.streams(), finish: async () => run.finish(), [Symbol.asyncDispose]: () => run.clean() };
  },
});

/** @throws NoIncrement where the server counts changes since something else. */
function checkBase({ manifest }: Restorable, identity: Identity): void {
  const other = otherThan(manifest, identity);
  if (other !== undefined) throw new NoIncrement(other);
  if (manifest.facts['backupSet'] !== identity.differentialBase)
    throw new NoIncrement(`somebody else has made a full backup of the database since ${manifest.id}`);
}

/** What a run that was cut off has left. Of one database one such backup is made at a time. */
async function sweep(exchange: string): Promise<void> {
  for (const name of await readdir(exchange)) if (/^(?:full|differential)-/.test(name)) await rm(join(exchange, name), { force: true });
}

/** One backup, written by the server, read from here, and deleted. */
class Run {
  readonly #tools: ProducerTools;
  readonly #identity: Identity;
  readonly #full: Restorable | undefined;
  readonly #signal: AbortSignal;
  readonly #tag: string;
  #written: Written | undefined;
  #facts: { readonly [name: string]: Json } = {};
  constructor(tools: ProducerTools, identity: Identity, full: Restorable | undefined, signal: AbortSignal) {
    this.#tools = tools;
    this.#identity = identity;
    this.#full = full;
    this.#signal = signal;
    this.#tag = tools.tag();
  }

  get #kind(): 'full' | 'differential' {
    return this.#full === undefined ? 'full' : 'differential';
  }

  get #path(): string {
    return fileOf(this.#tools.exchange, this.#kind, this.#tag);
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const { programs, access, limits } = this.#tools;
    const written = await writeFileOf(this.#tools, this.#kind, this.#tag, this.#identity, this.#signal);
    this.#judge(written);
    this.#written = written;
    yield {
      name: this.#full === undefined ? fullFile : differentialFile,
      bytes: createReadStream(this.#path) as AsyncIterable<Uint8Array>,
    };
    // From here on the room is the log's again.
    await this.clean();
    const facts = await takeFacts(programs, access, limits, this.#signal);
    this.#facts = summaryOf(facts);
    yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(facts, undefined, 1)}\n`)) };
  }

  #judge({ family, fork, firstFork, base }: Written): void {
    if (family !== this.#identity.family || fork !== this.#identity.fork || firstFork !== fork)
      throw new BerthError(
        'io',
        'the database was put back, or made anew, during the backup',
        'it is tried again with the one that is there now',
      );
    if (this.#full !== undefined && base !== this.#full.manifest.facts['backupSet'])
      throw new NoIncrement(`somebody else has made a full backup of the database since ${this.#full.manifest.id}`);
  }

  finish(): SnapshotFacts {
    const written = this.#written;
    if (written === undefined) throw new Error('asked before its streams were read');
    const { version, edition, files, others } = this.#identity;
    return {
      position: { from: null, to: written.lastLsn },
      facts: {
        database: this.#tools.access.database,
        version,
        edition,
        ...lineOf(written),
        backupSet: written.backupSet,
        ...(written.base === null || this.#full === undefined ? {} : { base: written.base }),
        files: files.map(({ name, path }) => ({ name, path })),
        othersNotCopied: others,
        coveredUntil: new Date(written.begun).toISOString(),
        restorableFrom: new Date(written.ended).toISOString(),
        ...this.#facts,
      },
      tool: { name: this.#kind === 'full' ? 'BACKUP DATABASE' : 'BACKUP DATABASE WITH DIFFERENTIAL', version, image: this.#tools.image },
    };
  }

  clean = (): Promise<void> => rm(this.#path, { force: true });
}

/** For the account of backups, which has the right to call it. */
export const forgetScript = `
DECLARE @oldest datetime = DATEADD(day, -${rememberedDays}, GETDATE());
EXEC msdb.dbo.sp_delete_backuphistory @oldest_date = @oldest;
SELECT @answer = N'{}';`;
