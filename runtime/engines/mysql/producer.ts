import { BerthError } from '../../../model/errors.ts';
import type { ProducedStream, Producer, SnapshotFacts } from '../../ports/producer.ts';
import { writeCanary } from './canary.ts';
import { cloneServer } from './clone.ts';
import { dumpAll } from './dump.ts';
import type { Begun, Copied } from './full-copy.ts';
import { identify, refuseOtherTables, serverTime } from './identity.ts';
import { connect } from './session.ts';
import type { ProducerTools } from './tools.ts';

/** All databases, with accounts, routines, triggers and events, as they were at one place in the log: as files where the server can be cloned, else as a dump. */
export const mysqlProducer = (tools: ProducerTools): Producer => ({
  engine: tools.dialect.engine,
  open: async (signal) => {
    const session = await connect(tools.dialect.title, tools.access, signal);
    try {
      const identity = await identify(session, tools.dialect);
      await refuseOtherTables(session);
      // What the backup says that it holds it can show as well.
      await writeCanary(session);
      const run = new FullCopy({ tools, session, signal, identity, at: await serverTime(session) });
      return { streams: run.streams(), finish: () => run.finish(), [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  },
});

/** One copy of a server, and what is asked of that around it. */
class FullCopy {
  readonly #run: Begun;
  #copied: Copied | undefined;
  constructor(run: Begun) {
    this.#run = run;
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const clone = await cloneServer(this.#run);
    if ('because' in clone) {
      const copied = yield* dumpAll(this.#run);
      this.#copied = clone.because === null ? copied : { ...copied, facts: { ...copied.facts, notCloned: clone.because } };
      return;
    }
    await using made = clone;
    this.#copied = yield* made.streams();
  }

  async finish(): Promise<SnapshotFacts> {
    const { tools, session, identity, at } = this.#run;
    const { dialect, image } = tools;
    if (this.#copied === undefined) throw new Error('asked before its streams were read');
    const now = await identify(session, dialect);
    if (now.server !== identity.server || now.serverId !== identity.serverId)
      throw new BerthError(
        'io',
        'the server was replaced by another one during the backup',
        'it is tried again with the one that is there now',
      );
    const { tool, place, gtids, facts } = this.#copied;
    const { file, position } = place;
    return {
      position: { from: null, to: gtids },
      facts: { ...identity, next: { file, position }, coveredUntil: at.toISOString(), ...facts },
      tool: { name: tool, version: identity.version, image },
    };
  }
}
