import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { agentPlaces, agentProgram } from '../model/backup/site-files.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import { BerthError } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import { openBackup } from '../runtime/jobs/open-backup.ts';
import { shrinkageOf } from '../runtime/jobs/shrinkage.ts';
import { ownIdentity } from '../runtime/keys/own-identity.ts';
import { readIdentity } from '../runtime/keys/read-keys.ts';
import { localPrograms } from '../runtime/programs/local-programs.ts';
import type { Bytes } from '../runtime/streams/blocks.ts';
import { inAgent } from './agent-exec.ts';
import { escrowKeyFile } from './kit-verbs.ts';
import { momentOf } from './moment.ts';
import { openCatalogue, runtimeOf, type PlaceName } from './open-catalogue.ts';
import type { RuntimeContext } from './stoppable.ts';

/** Which copy is asked for: of something that is copied as a whole, each time. */
export interface CopyAsked {
  readonly site: string;
  readonly from: PlaceName;
  /** `undefined` for the newest. */
  readonly at: string | undefined;
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
}

/** What will be restored. */
export interface PlannedCopy {
  readonly source: string;
  readonly id: string;
  readonly madeAt: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly facts: Manifest['facts'];
}

export interface OpenedCopy {
  readonly planned: PlannedCopy;
  /** Each file as often as it is asked for. */
  readonly open: (file: string) => Bytes;
}

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
  const identity = await identityFor(job, asked, context);
  return identity === undefined ? byAgent(job, only, asked, context, signal) : here(job, identity, asked, context, signal);
}

/** The key that was given, that of a recovery kit, or, in its container, the agent's own. */
async function identityFor(
  { agent }: BackupJob,
  { site, key }: CopyAsked,
  { env }: RuntimeContext,
): Promise<KeyObject | 'agent' | undefined> {
  const file = key ?? (existsSync(join(site, escrowKeyFile)) ? join(site, escrowKeyFile) : undefined);
  if (file !== undefined) return readIdentity(file, env['BERTH_KEY_PASSPHRASE']);
  return agent === undefined ? 'agent' : undefined;
}

async function here(
  { name }: BackupJob,
  identity: KeyObject | 'agent',
  { site, from, at }: CopyAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OpenedCopy> {
  const { store, catalogue, config, folder, levelOf } = await openCatalogue(site, context, signal, from);
  const manifest = chooseCopy(
    catalogue.manifests.filter(({ source, id }) => source === name && levelOf(id) >= 0),
    name,
    at,
  );
  const ownKey = config.backups.identity;
  if (identity === 'agent' && ownKey === undefined)
    throw new BerthError('usage', 'nothing says which key opens the backups', 'name the private key of a recipient with --key FILE');
  const opened = (async () =>
    openBackup(
      store,
      manifest,
      identity === 'agent' ? (await ownIdentity(resolve(folder, ownKey ?? ''))).privateKey : identity,
      width,
      signal,
    ))();
  // Where it is only planned nobody needs a key.
  opened.catch(() => undefined);
  return {
    planned: {
      source: name,
      id: manifest.id,
      madeAt: manifest.finishedAt,
      files: manifest.streams.map((stream) => ({ name: stream.name, bytes: stream.plainBytes })),
      facts: manifest.facts,
    },
    open: async function* (file) {
      const stream = manifest.streams.find((each) => each.name === file);
      if (stream === undefined) throw new BerthError('damaged', `${manifest.id} has no ${file}`, 'take another backup with --at');
      yield* (await opened)(stream);
    },
  };
}

/** Frames that are decompressed at the same time. */
const width = 3;

/**
 * The newest that was whole at that moment.
 *
 * @param manifests - Those that are sound.
 * @throws BerthError `usage` where there is none, `conflict` for a newest one that may be of something that was begun anew.
 */
export function chooseCopy(manifests: readonly Manifest[], name: string, at: string | undefined): Manifest {
  const moment = at === undefined ? undefined : momentOf(at);
  const index = manifests.findLastIndex(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
  const [found, before] = [manifests[index], manifests[index - 1]];
  const shrunk = at === undefined && found && before ? shrinkageOf(before, found) : undefined;
  if (found !== undefined && before !== undefined && shrunk !== undefined)
    throw new BerthError(
      'conflict',
      `the newest copy of ${name} holds ${shrunk}: it may be of one that was begun anew`,
      `write --at ${before.finishedAt}; or, if that is what you want, --at ${found.finishedAt}`,
    );
  if (found !== undefined) return found;
  const [oldest] = manifests;
  throw new BerthError(
    'usage',
    oldest === undefined ? `there is no backup of ${name}` : `no backup of ${name} is as old as ${moment?.toISOString() ?? ''}`,
    oldest === undefined
      ? `make one with \`berth backup now ${name}\`, or see \`berth backup list\` for what there is`
      : `the oldest is of ${oldest.finishedAt}: write --at ${oldest.finishedAt} or later`,
  );
}

async function byAgent(
  { name, agent = '' }: BackupJob,
  only: Only,
  { site, at }: CopyAsked,
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
  const planned = (await inAgent(
    { site, config: runtimeOf(site).config },
    agent,
    [...verb(at), '--dry-run'],
    context,
    signal,
  )) as unknown as PlannedCopy;
  const exec = ['docker', 'compose', '--project-directory', site, 'exec', '-T', agent, ...agentProgram] as const;
  return {
    planned,
    open: async function* (file) {
      const argv = [...exec, ...verb(planned.madeAt), '--file', file, '--site', agentPlaces.config] as const;
      await using running = localPrograms({ ...process.env, ...context.env }).start(
        {
          argv,
          explain: ({ stderr }) =>
            new BerthError(
              'unreachable',
              `${agent} did not give ${file}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
              `see \`docker compose ps ${agent}\` in ${site}, or name a private key with --key FILE`,
            ),
        },
        signal,
      );
      yield* running.output;
    },
  };
}
