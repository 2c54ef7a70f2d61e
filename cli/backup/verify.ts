import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import type { Verification } from '../../model/backup/verification.ts';
import { BerthError } from '../../model/errors.ts';
import type { RecordTools } from '../../runtime/jobs/verifications.ts';
import { readIdentity, readSigner } from '../../runtime/keys/read-keys.ts';
import { lookAgain } from '../../runtime/look-again.ts';
import type { World } from '../../runtime/open-store.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { openBackups } from '../../runtime/wire.ts';
import { agentsOf, inAgent } from '../agent-exec.ts';
import { levels } from './text.ts';
import { type Asked, findBackup, firstPlaceAlone, openCatalogue, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { paint } from '../text.ts';

interface VerifyAsked extends Asked {
  readonly id?: string;
  readonly key?: string;
}

/** Who writes down what was found: the signer of the site, whom a kit does not have. */
export const recorderOf = (signer: string, folder: string, store: Store, { clock, random, berth }: World): RecordTools | undefined =>
  existsSync(resolve(folder, signer)) ? { store, signer: readSigner(resolve(folder, signer)), clock, random, berth } : undefined;

/** Every byte of one backup, or of all, against what its signer wrote down; with a key also what comes out. */
export const verifyBackups = ({ site, json, from, id, key }: VerifyAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { store, catalogue, config, folder, world } = await openCatalogue(site, context, signal, from);
    const wanted = id === undefined ? catalogue.manifests : [findBackup(catalogue, id)];
    const identity = key === undefined ? undefined : readIdentity(key, context.env['BERTH_KEY_PASSPHRASE']);
    using progress = progressOn(context, json);
    const recorder = recorderOf(config.backups.signer, folder, store, world);
    const heard = (bytes: number): void => progress.say(`${describeBytes(bytes)} compared`);
    // An agent writes down itself what it finds, every week; what another user wrote into its folders would be in its way.
    const foreign = new Set(config.backups.jobs.filter(({ agent }) => agent !== undefined).map(({ name }) => name));
    const own = await lookAgain(
      wanted.filter(({ source }) => !foreign.has(source)),
      { store, identity, heard, recorder },
      signal,
    );
    const theirs = await lookAgain(
      wanted.filter(({ source }) => foreign.has(source)),
      { store, identity, heard, recorder: undefined },
      signal,
    );
    const bad = [...catalogue.refused.map((each) => ({ id: each.key, message: each.message })), ...own.broken, ...theirs.broken];
    progress[Symbol.dispose]();
    if (json) {
      context.out(`${JSON.stringify({ site: config.site, store: store.name, verified: wanted.length, level: own.level, bad }, null, 2)}\n`);
      if (bad.length > 0) context.exit(13);
      return;
    }
    for (const each of bad) context.err(`${paint(context.color)('red', 'bad')}  ${each.id}\n     ${each.message}\n`);
    if (bad.length > 0)
      throw new BerthError(
        'damaged',
        `${bad.length} of ${wanted.length + catalogue.refused.length} backups in ${store.name} cannot be relied on`,
        'make new ones with `berth backup now --label again`, and check the disks under the store',
      );
    const what = wanted.length === 1 ? '1 backup is' : `${wanted.length} backups are`;
    context.out(
      `${what} as signed: ${identity === undefined ? 'every byte lies in the store as it was written' : 'every byte lies there, opens with this key, and is whole'}\n`,
    );
  });

/** Restores the newest full backup of each database, the newest point of each bucket and the newest copy of each volume, where its agent is, and compares. */
export const proveBackups = ({ site, json, from, cluster }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    if (from === 'offsite') throw firstPlaceAlone();
    const { config, folder } = runtimeOf(site);
    using progress = progressOn(context, json);
    progress.say('restoring the newest backups');
    const proven: Verification[] = [];
    for (const agent of agentsOf(config.backups.jobs)) {
      const answer = await inAgent(
        { site, config, ...(cluster && { cluster }) },
        agent,
        ['backup', 'verify', '--restore'],
        context,
        signal,
      );
      proven.push(...(answer['proven'] as readonly Verification[]));
    }
    const { databases, buckets, volumes } = await openBackups(config, folder, worldOf(context));
    for (const copied of [...databases, ...buckets.map(({ backups }) => backups), ...volumes]) {
      const found = await copied.prove(signal);
      if (found !== undefined) proven.push(found);
    }
    progress[Symbol.dispose]();
    if (json) return context.out(`${JSON.stringify({ site: config.site, proven }, null, 2)}\n`);
    for (const { backups, level, result, detail } of proven)
      context.out(
        `${result === 'sound' ? 'sound' : paint(context.color)('red', 'broken')}  ${backups[0] ?? ''}${backups.length > 1 ? ` and ${backups.length - 1} more` : ''}: level ${level}, ${levels[level]}\n${detail.map((line) => `       ${line}\n`).join('')}`,
      );
    if (proven.length === 0) context.out('There is no backup of a database, a bucket or a volume yet.\n');
    if (proven.some(({ result }) => result === 'broken'))
      throw new BerthError(
        'damaged',
        'a backup cannot be relied on',
        'make a new one with `berth backup now --label again`, and check the disks under the store',
      );
  });
