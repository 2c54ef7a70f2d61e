import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describeBytes } from '../../../model/backup/bytes.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ProducedStream } from '../../ports/producer.ts';
import type { Program, ProgramEnd } from '../../ports/program.ts';
import { once } from '../../streams/blocks.ts';
import { freeIn } from '../free-room.ts';
import { answers, factsFile, lastLines, ScratchServer } from '../scratch-place.ts';
import { summaryOf, type ServerFacts } from '../table-facts.ts';
import type { MysqlAccess } from './access.ts';
import type { Dialect, LogPlace } from './dialect.ts';
import { standsStill, takeFacts } from './facts.ts';
import type { Begun, Copied } from './full-copy.ts';
import { refuseOtherTables, serverTime } from './identity.ts';
import { privateServer } from './private-server.ts';
import { connect, quoted, type Session } from './session.ts';
import type { CloneTools } from './tools.ts';

/** Stream of a full backup that holds the files of the server. */
export const filesTar = 'files.tar';

/** Why a server is not cloned; nothing is said of an engine that has no such thing. */
export interface NotCloned {
  readonly because: string | null;
}

type Plugin = NonNullable<Dialect['clone']>;

/** Of what tables and indexes take: what else lies in the folder, and grows meanwhile. */
const more = 1.1;
const besideBytes = 256 * 2 ** 20;
/** Redo logs are packed as well, and hold nothing behind an orderly end. The least that the server takes. */
const smallRedo = '--innodb-redo-log-capacity=8M';
/** Made by each server for itself. */
const ownFiles = ['auto.cnf', '#clone', '#innodb_temp'];
/** Where a server that was cloned writes which place in the log of the other it stands for, at its first start. It is what `performance_schema.clone_status` shows, which takes 250 MiB more. */
const placeFile = '#clone/#status_recovery';

/** A server whose files were copied to here, over the network and while it was written to. Where that cannot be, a dump does. */
export async function cloneServer(run: Begun): Promise<Clone | NotCloned> {
  const { tools, session, signal } = run;
  const plugin = tools.dialect.clone;
  if (plugin === undefined) return { because: null };
  const because = await refusal(session, plugin, tools.clones);
  if (because !== undefined) return { because };
  const clone = new Clone(run);
  try {
    await clone.make(plugin);
    return clone;
  } catch (error) {
    await clone[Symbol.asyncDispose]();
    signal.throwIfAborted();
    if (!(error instanceof BerthError)) throw error;
    return { because: error.message };
  }
}

async function refusal(session: Session, { plugin, right }: Plugin, { folder, room = freeIn }: CloneTools): Promise<string | undefined> {
  const { there } = await session.row(
    `SELECT COUNT(*) AS there FROM information_schema.plugins WHERE plugin_name = ${quoted(plugin)} AND plugin_status = 'ACTIVE'`,
  );
  if (there === '0') return `the server has no plugin ${plugin}`;
  const grants = (await session.rows('SHOW GRANTS')).flatMap((row) => Object.values(row));
  if (!grants.some((grant) => grant !== null && new RegExp(`\\b${right}\\b`).test(grant))) return `the account of backups has no ${right}`;
  const { bytes } = await session.row(
    `SELECT COALESCE(SUM(data_length + index_length), 0) AS bytes FROM information_schema.tables WHERE engine = 'InnoDB'`,
  );
  const takes = Number(bytes) * more + besideBytes;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const free = await room(folder);
  return takes > free ? `it takes ${describeBytes(takes)}, and ${folder} has ${describeBytes(free)} left` : undefined;
}

export class Clone implements AsyncDisposable {
  readonly #run: Begun;
  readonly #server: ScratchServer;
  readonly #access: MysqlAccess;
  #copied: Copied | undefined;
  #facts: ServerFacts | undefined;
  constructor(run: Begun) {
    const { clones } = run.tools;
    this.#run = run;
    this.#server = new ScratchServer(clones, join(clones.folder, `scratch-${clones.tag()}`), 'SIGTERM');
    this.#access = { host: join(this.#server.folder, 'socket'), port: 0, user: 'root', password: null };
  }

  async make(plugin: Plugin): Promise<void> {
    await mkdir(join(this.#server.folder, 'tmp'), { recursive: true, mode: 0o700 });
    await this.#fetch(plugin);
    const restorableFrom = (await serverTime(this.#run.session)).toISOString();
    await this.#look(restorableFrom);
  }

  async *streams(): AsyncGenerator<ProducedStream, Copied> {
    const { tools, signal } = this.#run;
    if (this.#copied === undefined) throw new Error('asked before it was made');
    yield { name: filesTar, bytes: tools.clones.dataFolders.pack(this.#server.data, signal) };
    yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(this.#facts, undefined, 1)}\n`)) };
    return this.#copied;
  }

  [Symbol.asyncDispose] = async (): Promise<void> => this.#server[Symbol.asyncDispose]();

  /** A server that is thrown away asks for the files, and puts them into a folder beside its own. */
  async #fetch({ library }: Plugin): Promise<void> {
    const { tools, identity, signal } = this.#run;
    const { dialect, access, programs } = tools;
    const data = join(this.#server.folder, 'recipient');
    await using made = programs.start(
      { argv: dialect.scratch.initialise(data, identity.lowerCaseTableNames), explain: failed, env: { LC_ALL: 'C' } },
      signal,
    );
    for await (const _ of made.output);
    await this.#start(data, [`--plugin-load-add=${library}`]);
    {
      await using session = await connect(dialect.title, this.#access, signal);
      const { host, port, user, password, ca, tls } = access;
      await session.rows(`SET GLOBAL clone_valid_donor_list = ${quoted(`${host}:${port}`)}`);
      if (ca !== undefined) await session.rows(`SET GLOBAL clone_ssl_ca = ${quoted(ca.file)}`);
      await session.rows(
        `CLONE INSTANCE FROM ${quoted(user)}@${quoted(host)}:${port} IDENTIFIED BY ${quoted(password?.reveal() ?? '')} DATA DIRECTORY = ${quoted(this.#server.data)}${
          ca === undefined && tls === undefined ? '' : ' REQUIRE SSL'
        }`,
      );
    }
    await this.#end();
    await rm(data, { recursive: true });
  }

  /** What the copy holds, and which place in the log it stands for: told by a server on it, before anybody writes to it. */
  async #look(restorableFrom: string): Promise<void> {
    const { tools, signal } = this.#run;
    const { dialect, limits } = tools;
    const { data } = this.#server;
    // Without it no account of the copy lets us in, and nothing is to be written to it.
    await this.#start(data, ['--skip-grant-tables', '--innodb-fast-shutdown=1', '--auto-generate-certs=OFF', ...withoutKeys]);
    const text = await readFile(join(data, placeFile), 'utf8').catch(() => '');
    const found = readPlace(text);
    if (found === undefined) throw new BerthError('io', 'what was cloned does not say which place in the log it stands for', again);
    const gtids = dialect.parse(found.gtids);
    const said = dialect.parse(await this.#ask());
    if (!gtids.covers(said) || !said.covers(gtids))
      throw new BerthError('io', `what was cloned holds ${said.toString()}, and its place in the log is of ${gtids.toString()}`, again);
    const facts = await takeFacts(dialect, this.#access, limits, standsStill, signal);
    this.#facts = { ...facts, position: gtids.toString() };
    await this.#end();
    for (const name of ownFiles) await rm(join(data, name), { recursive: true, force: true });
    this.#copied = { tool: 'clone', place: found.place, gtids: gtids.toString(), facts: { restorableFrom, ...summaryOf(this.#facts) } };
  }

  /** @returns the transactions that it has. @throws BerthError for tables whose rows are not copied. */
  async #ask(): Promise<string> {
    const { tools, signal } = this.#run;
    await using session = await connect(tools.dialect.title, this.#access, signal);
    // One that was made meanwhile is there without its rows.
    await refuseOtherTables(session);
    return (await session.row(tools.dialect.scratch.executed))['gtids'] ?? '';
  }

  async #start(data: string, options: readonly string[]): Promise<void> {
    const { tools, identity, signal } = this.#run;
    const { dialect, clones } = tools;
    const { folder } = this.#server;
    const place = { folder, data, socket: this.#access.host };
    const argv: Program['argv'] = privateServer(dialect, place, identity, clones.memoryMiB, [smallRedo, ...options]);
    const letsIn = async (): Promise<boolean> => {
      await using _ = await connect(dialect.title, this.#access, signal);
      return true;
    };
    const ended = await this.#server.start(argv, () => answers(letsIn), signal);
    if (ended !== undefined) throw failed(ended);
  }

  async #end(): Promise<void> {
    const ended = await this.#server.end('SIGTERM');
    if (ended !== undefined && ended.code !== 0) throw failed(ended);
  }
}

/** Keys that a server draws at its first start, for whoever logs in without TLS. */
const withoutKeys = ['--sha256-password-auto-generate-rsa-keys=OFF', '--caching-sha2-password-auto-generate-rsa-keys=OFF'];

/** Two times, the file and the place in it, and the transactions, which may be many lines. */
export function readPlace(text: string): { readonly place: LogPlace; readonly gtids: string } | undefined {
  const [, , file = '', position = '', ...gtids] = text.trimEnd().split('\n');
  if (file === '' || !/^[1-9]\d*$/.test(position) || gtids.length === 0) return undefined;
  return { place: { file: basename(file), position: Number(position) }, gtids: gtids.join('') };
}

const again = 'it is tried again; a dump is made meanwhile';

const failed = ({ stderr }: ProgramEnd): BerthError => {
  const said = stderr.split('\n').findLast((line) => /\[ERROR\]/.test(line)) ?? lastLines(stderr);
  return new BerthError('io', `the server that was to be the copy: ${said.replace(/^.*\[ERROR\] +/, '')}`, again);
};
