import { existsSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { makePath } from '../../generator/io/make-path.ts';
import { BerthError } from '../../model/errors.ts';
import { isCache } from '../../runtime/caches.ts';
import { asRdb, openCopy, toOutput, type CopyAsked, type OpenedCopy, type PlannedCopy } from './open-copy.ts';
import { runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { paint, table } from '../text.ts';
import { theOne } from './choose-named.ts';
import { asBegun, type LiveEnding, ofUnended, whenStopped } from './live-record.ts';

export interface CacheRestoreAsked extends CopyAsked {
  readonly json: boolean;
  /** Of the cache; none where there is but one. */
  readonly name: string | undefined;
  /** A server that is thrown away, its place in the site, a folder for its files, or the standard output. */
  readonly into: 'scratch' | 'live' | 'output' | { readonly folder: string };
  /** For the standard output: which of its files. */
  readonly file: string | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Of a restore into its place that was cut off. */
  readonly ending?: LiveEnding | undefined;
}

/** Puts a cache back, tries a copy of it, or gives its files out. */
export const restoreCache = (given: CacheRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const asked = given.ending === undefined ? given : asBegun(given, given.ending, 'cache');
      const { site, from, into, json, dryRun } = asked;
      const { target, backups } = runtimeOf(site, from).config;
      const job = ofUnended(site, asked.ending, () => theOne(backups.jobs.filter(isCache), 'cache', asked.name));
      if (into === 'live' && target === 'kubernetes')
        throw new BerthError(
          'unsupported',
          'in a cluster this version puts no cache back in its place by itself',
          `see "Put ${job.name} back" in SITE.md for the way by hand; --into scratch tries the copy first`,
        );
      const open = async (at: string | undefined): Promise<OpenedCopy> =>
        asRdb(await openCopy(job, 'cache', { ...asked, at }, context, signal));
      if (into === 'live') {
        const { restoreCacheLive } = await import('./cache-live.ts');
        const live = { ...asked, only: 'cache', name: job.name, keyFile: asked.key, ending: asked.ending } as const;
        return restoreCacheLive(live, open, context, signal);
      }
      const copy = await open(asked.at);
      if (dryRun) {
        if (json || into === 'output') return context.out(`${JSON.stringify(copy.planned, null, 2)}\n`);
        context.out(`${describeCopy(copy.planned, context)}\nNothing was restored.\n`);
        return;
      }
      if (into === 'output') return toOutput(copy.open(asked.file ?? ''));
      using progress = progressOn(context, json);
      if (into === 'scratch') {
        progress.say(`${job.name} is loaded into a server of its own`);
        const { tryCopies } = await import('./try-cache.ts');
        const holds = await tryCopies({ site, cache: job.name }, copy, context, signal);
        progress[Symbol.dispose]();
        if (json) return context.out(`${JSON.stringify({ ...copy.planned, holds }, null, 2)}\n`);
        const rows = holds.flatMap(({ file, databases, expired }) => [
          ...Object.entries(databases).map(([database, keys]) => [file, database, `${keys} keys`]),
          ...(expired > 0 ? [[file, 'expired since then', `${expired} keys`]] : []),
        ]);
        const found = rows.length === 0 ? '  no keys' : table(rows, [2]);
        context.out(`${describeCopy(copy.planned, context)}\n${found}\n\nloaded into a server of its own, and thrown away again\n`);
        return;
      }
      await intoFolder(into.folder, copy, signal);
      progress[Symbol.dispose]();
      if (json) return context.out(`${JSON.stringify({ ...copy.planned, into: into.folder }, null, 2)}\n`);
      context.out(
        `${describeCopy(copy.planned, context)}\n${copy.planned.files.map(({ name }) => `  ${join(into.folder, name)}`).join('\n')}\n`,
      );
    },
    whenStopped(given),
  );

export function describeCopy({ source, id, madeAt, files, facts }: PlannedCopy, context: RuntimeContext): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const keys = typeof facts['keys'] === 'number' ? `, some ${facts['keys']} keys` : '';
  return `${paint(context.color)('bold', source)} from ${id} of ${madeAt} (${describeBytes(bytes)}${keys})\n`;
}

async function intoFolder(folder: string, { planned, open: openFile }: OpenedCopy, signal: AbortSignal): Promise<void> {
  try {
    makePath(folder);
    for (const { name } of planned.files) {
      if (existsSync(join(folder, name)))
        throw new BerthError('conflict', `${join(folder, name)} is there already; nothing was written`, 'name a new folder with --into');
      // Under its name a file is whole.
      const path = join(folder, `${name}.part`);
      {
        await using file = await open(path, 'w', 0o600);
        for await (const chunk of openFile(name)) {
          signal.throwIfAborted();
          await file.writeFile(chunk);
        }
      }
      await rename(path, join(folder, name));
    }
  } catch (error) {
    if (error instanceof BerthError || !(error instanceof Error) || !('code' in error)) throw error;
    throw new BerthError('io', `cannot write into ${folder}: ${error.message}`, 'name an empty folder that you may write to', {
      cause: error,
    });
  }
}
