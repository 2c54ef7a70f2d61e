import { postgres } from '../../../model/engines/postgres.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Program, ProgramEnd, RunningProgram } from '../../ports/program.ts';
import { environmentOf, explainEnd, refusalOf } from './access.ts';
import { parseLsn, type Lsn } from './lsn.ts';
import { drain } from '../scratch-place.ts';
import type { PostgresTools } from './producer.ts';
import type { Session } from './session.ts';
import type { WalSpool } from './wal-spool.ts';

const pollMs = 100;

/** Something for the log that changes nothing, and is on the disk when it returns. */
export const smallCommit = "SELECT pg_logical_emit_message(true, 'berth', '')";

/** What the server says when it has not got any more what it is asked for, or has left it behind. */
const gone =
  /has already been removed|can no longer (?:get changes|be used|access)|has been invalidated|invalidated because|is not in this server's history/i;

/** `lost`: something between is gone for ever, and all has been made ready for a new beginning. */
export type Received = { readonly kind: 'received'; readonly upTo: Lsn | undefined } | { readonly kind: 'lost'; readonly because: string };

interface SlotState {
  readonly active: boolean;
  readonly status: string;
  readonly position: Lsn | undefined;
}

interface Running {
  readonly program: RunningProgram;
  /** Up to here the slot already stood when the program was started; only what lies beyond is known to have come from it. */
  readonly floor: Lsn;
  readonly ended: () => ProgramEnd | undefined;
}

/** One pg_receivewal with its slot. Started when it is needed, and again when it has ended. */
export class Receiver implements AsyncDisposable {
  readonly #tools: PostgresTools;
  readonly #slotName: string;
  readonly #spool: WalSpool;
  readonly #signal: AbortSignal;
  #running: Running | undefined;
  /** @param signal - For as long as it runs. */
  constructor(tools: PostgresTools, spool: WalSpool, signal: AbortSignal) {
    this.#tools = tools;
    this.#slotName = tools.slot ?? postgres.backup.slot;
    this.#spool = spool;
    this.#signal = signal;
  }

  /** Sees to it that the server keeps its log for us and that it is received. Says so when the server has given up on keeping it. */
  async ensure(session: Session): Promise<Received> {
    if (this.#running !== undefined && this.#running.ended() === undefined) return { kind: 'received', upTo: undefined };
    this.#running = undefined;
    if (this.#tools.slot !== undefined) await refuseUnbounded(session, this.#tools.access.host);
    const state = await this.#freeSlot(session);
    if (state?.status === 'lost')
      return this.#beginAnew(session, 'the server had to give up its log, which had grown beyond max_slot_wal_keep_size');
    const floor = state?.position ?? (await this.#makeSlot(session));
    const program = this.#tools.programs.start(this.#command(), this.#signal);
    let end: ProgramEnd | undefined;
    void program.ended.then((how) => (end = how));
    drain(program.output);
    this.#running = { program, floor, ended: () => end };
    // Something to receive, however quiet the server is: until it has arrived, nothing proves that anything does.
    await session.rows(smallCommit);
    return { kind: 'received', upTo: undefined };
  }

  /** Waits until all up to a place has arrived, or for so long. `undefined`: nothing is known to have arrived. */
  async waitFor(goal: Lsn, patienceMs: number, session: Session): Promise<Received> {
    for (let waited = 0; ; waited += pollMs) {
      const running = this.#running;
      if (running === undefined) throw new Error('asked before it was started');
      const position = (await this.#slot(session))?.position;
      const upTo = position !== undefined && position > running.floor ? position : undefined;
      if (upTo !== undefined && upTo >= goal) return { kind: 'received', upTo };
      const end = running.ended();
      if (end !== undefined && gone.test(end.stderr))
        return this.#beginAnew(session, 'the server has not got any more of its log what was not received yet');
      if (end !== undefined) throw explainEnd(this.#tools.access)(end) ?? ended(end);
      if (waited >= patienceMs) return { kind: 'received', upTo };
      await this.#tools.sleep(pollMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.program[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  /** What is there is of no use any more: the next log begins with the next full backup. */
  async #beginAnew(session: Session, because: string): Promise<Received> {
    await this[Symbol.asyncDispose]();
    await this.#freeSlot(session);
    await session.rows('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [this.#slotName]);
    await this.#spool.clear();
    await this.ensure(session);
    return { kind: 'lost', because };
  }

  async #slot(session: Session): Promise<SlotState | undefined> {
    const [row] = await session.rows(
      'SELECT active::text, wal_status AS status, restart_lsn::text AS position FROM pg_replication_slots WHERE slot_name = $1',
      [this.#slotName],
    );
    if (row === undefined) return undefined;
    const position = row['position'];
    return {
      active: row['active'] === 'true',
      status: row['status'] ?? '',
      position: position === null || position === undefined ? undefined : parseLsn(position),
    };
  }

  /** A receiver that has just ended may still hold it for a moment. */
  async #freeSlot(session: Session): Promise<SlotState | undefined> {
    for (let left = 100; ; left -= 1) {
      const state = await this.#slot(session);
      if (state?.active !== true) return state;
      if (left === 0)
        throw new BerthError(
          'locked',
          `somebody else receives the log by slot ${this.#slotName}`,
          'see that one agent alone runs for this server: SELECT * FROM pg_stat_replication',
        );
      await this.#tools.sleep(pollMs);
    }
  }

  /** Keeps the log from now on. What was received before stays: the server may still have what comes after it. */
  async #makeSlot(session: Session): Promise<Lsn> {
    const { position } = await session.row('SELECT lsn::text AS position FROM pg_create_physical_replication_slot($1, true)', [
      this.#slotName,
    ]);
    return parseLsn(String(position));
  }

  #command(): Program {
    const { access } = this.#tools;
    return {
      argv: ['pg_receivewal', '--directory', this.#spool.folder, '--slot', this.#slotName, '--synchronous', '--no-loop', '--no-password'],
      env: environmentOf(access),
      explain: ({ stderr }) => refusalOf(stderr, access),
    };
  }
}

/** A server of our own is set up with a bound; on somebody else's a slot without one would fill the disk while no agent runs. */
async function refuseUnbounded(session: Session, host: string): Promise<void> {
  const [found] = await session.rows("SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'");
  if (found !== undefined && found['setting'] !== '-1') return;
  throw new BerthError(
    'unsupported',
    `PostgreSQL at ${host} would keep its log for backups without end: max_slot_wal_keep_size is ${found === undefined ? 'not known there' : '-1'}`,
    "have its administrator run ALTER SYSTEM SET max_slot_wal_keep_size = '10GB' and SELECT pg_reload_conf(), with no more than its disk can spare; or write log: false below external.backup in berth.yaml",
  );
}

function ended({ code, signal, stderr }: ProgramEnd): BerthError {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new BerthError(
    'io',
    `pg_receivewal ended with ${code ?? signal}: ${last}`,
    'it is started again; if that goes on, see the log of the server',
  );
}
