import type { KeyObject } from 'node:crypto';
import { agentPlaces } from '../../model/backup/site-files.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { checkedRdb } from '../../runtime/engines/cache/rdb.ts';
import { openBackup } from '../../runtime/jobs/open-backup.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Bytes } from '../../runtime/streams/blocks.ts';
import { type AgentHome, type ClusterChoice, inAgent, runInAgent } from '../agent-exec.ts';
import { openCatalogue, runtimeOf, type PlaceName } from '../open-catalogue.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { amountOf, ratesOf } from '../../runtime/jobs/rates.ts';
import { estimate, type Estimate } from './estimate.ts';
import { newestUntil, refuseShrunk, type Proven } from './choose-backup.ts';
import { givenKeyFile, agentIdentity, identityIn } from './keys.ts';

/** Which copy is asked for: of something that is copied as a whole, each time. */
export interface CopyAsked {
  readonly site: string;
  readonly from: PlaceName;
  /** `undefined` for the newest. */
  readonly at: string | undefined;
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
  readonly cluster?: ClusterChoice;
}

/** What will be restored. */
export interface PlannedCopy {
  readonly source: string;
  readonly id: string;
  readonly madeAt: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly facts: Manifest['facts'];
  /** How long it should take; an agent of an earlier version does not say. */
  readonly expected?: Estimate;
}

export interface OpenedCopy {
  readonly planned: PlannedCopy;
  /** Each file as often as it is asked for. */
  readonly open: (file: string) => Bytes;
}

/** Each file is looked at as it passes: it must begin, end and sum up as that of a server does. */
export const asRdb = ({ planned, open }: OpenedCopy): OpenedCopy => ({ planned, open: (file) => checkedRdb(open(file), () => undefined) });

/** In whose words the agent is asked. */
type Only = 'cache' | 'volume';

/** To whoever asked an agent. */
export async function toOutput(bytes: Bytes): Promise<void> {
  for await (const chunk of bytes) if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}

/**
 * A copy and a way to its files: with a key they are read here, from where they lie, and else by the agent that made it, which has a key of its own.
 *
 * @throws BerthError `usage` where there is none.
 */
export async function openCopy(
  job: BackupJob,
  only: Only,
  asked: CopyAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OpenedCopy> {
  const file = givenKeyFile(asked.site, asked.key);
  if (file === undefined && job.agent !== undefined) return byAgent(job, job.agent, only, asked, context, signal);
  return here(job, file, asked, context, signal);
}

async function here(
  { name }: BackupJob,
  /** With a private key; in the container of an agent without. */
  file: string | undefined,
  { site, from, at }: CopyAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OpenedCopy> {
  const { store, catalogue, config, folder, levelOf, recordsOf } = await openCatalogue(site, context, signal, from);
  const manifest = chooseCopy(
    catalogue.manifests.filter(({ source }) => source === name),
    name,
    at,
    { levelOf, config, from },
  );
  const given = file === undefined ? undefined : identityIn(file, context);
  const copy = copyFrom(store, manifest, async () => given ?? agentIdentity({ config, folder }), signal);
  // Of a cache nothing is restored to be measured.
  if (manifest.kind === 'cache') return copy;
  return { ...copy, planned: { ...copy.planned, expected: estimate(name, amountOf([manifest]), ratesOf(recordsOf(name))) } };
}

/** A copy that was chosen, to be read here. */
export function copyFrom(store: Store, manifest: Manifest, identity: () => Promise<KeyObject>, signal: AbortSignal): OpenedCopy {
  const opened = (async () => openBackup(store, manifest, await identity(), width, signal))();
  // Where it is only planned nobody needs a key.
  opened.catch(() => undefined);
  return {
    planned: {
      source: manifest.source,
      id: manifest.id,
      madeAt: manifest.finishedAt,
      files: manifest.streams.map((stream) => ({ name: stream.name, bytes: stream.plainBytes })),
      facts: manifest.facts,
    },
    open: async function* (name) {
      const stream = manifest.streams.find((each) => each.name === name);
      if (stream === undefined) throw new BerthError('damaged', `${manifest.id} has no ${name}`, 'take another backup with --at');
      yield* (await opened)(stream);
    },
  };
}

/** Frames that are decompressed at the same time. */
const width = 3;

/**
 * The newest that was whole at that moment.
 *
 * @param proven - Where `manifests` are not only those that are sound.
 * @throws BerthError `usage` where there is none, `damaged` where all are broken, `conflict` for a newest one that may be of something that was begun anew.
 */
export function chooseCopy(manifests: readonly Manifest[], name: string, at: string | undefined, proven?: Proven): Manifest {
  const { newest, reached } = newestUntil(manifests, `backup of ${name}`, at, proven);
  refuseShrunk(reached, `copy of ${name}`, at);
  return newest;
}

async function byAgent(
  { name }: BackupJob,
  agent: string,
  only: Only,
  { site, at, cluster }: CopyAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OpenedCopy> {
  const verb = (moment: string | undefined): readonly string[] => [
    'restore',
    '--only',
    only,
    '--name',
    name,
    '--into',
    '-',
    ...(moment === undefined ? ['--latest'] : ['--at', moment]),
  ];
  const home: AgentHome = { site, config: runtimeOf(site).config, ...(cluster && { cluster }) };
  const planned = (await inAgent(home, agent, [...verb(at), '--dry-run'], context, signal)) as unknown as PlannedCopy;
  return {
    planned,
    open: async function* (file) {
      await using running = runInAgent(
        home,
        agent,
        [...verb(planned.madeAt), '--file', file, '--site', agentPlaces.config],
        context,
        signal,
      );
      yield* running.output;
    },
  };
}
