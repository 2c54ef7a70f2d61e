import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import { writeTar, type TarEntry } from '../format/tar.ts';
import type { ProducedStream, Producer } from '../ports/producer.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readFile } from './read-file.ts';
import { walkSite, type SitePart } from './walk.ts';

export interface SiteSource {
  /** The folder of the site. */
  readonly site: string;
  readonly part: SitePart;
  /** Of fingerprints; see {@link fingerprintOf}. */
  readonly key: KeyObject;
  readonly berth: string;
}

const siteEngine = 'site';
/** What a restore looks for in a backup of a site. */
export const archiveOf = (part: SitePart): string => `${part}.tar`;

/** What a part of the site is now, to be compared with what was copied last. */
export async function lookAt({ site, part, key }: SiteSource, signal: AbortSignal): Promise<Look> {
  refuseHalfDone(site);
  const entries = walkSite(site, part);
  return { entries, fingerprint: await fingerprintOf(site, entries, key, signal) };
}

interface Look {
  readonly entries: readonly TarEntry[];
  readonly fingerprint: string;
}

/** Between two states of a site lies a moment that is neither. */
function refuseHalfDone(site: string): void {
  if (existsSync(join(site, '.berth/journal.json')))
    throw new BerthError(
      'locked',
      `a change of ${site} is half done`,
      'let it end; where it was interrupted, `berth generate` finishes it',
    );
}

/** A part of the folder of a site as an archive. It counts only when the folder is the same before and after. */
export const siteProducer = (source: SiteSource): Producer => ({
  engine: siteEngine,
  open: async (signal) => {
    const { site, part, berth } = source;
    const before = await lookAt(source, signal);
    return {
      streams: (async function* (): AsyncGenerator<ProducedStream> {
        yield { name: archiveOf(part), bytes: writeTar(before.entries, ({ path }) => readFile(join(site, path), signal)) };
      })(),
      finish: async () => {
        const after = await lookAt(source, signal);
        if (after.fingerprint !== before.fingerprint)
          throw new BerthError('conflict', `${site} changed while it was copied`, 'nothing is wrong: what it is now is copied next');
        const files = before.entries.filter(({ kind }) => kind === 'file');
        return {
          position: { from: null, to: null },
          facts: { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), fingerprint: before.fingerprint },
          tool: { name: 'berth', version: berth, image: null },
        };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});
