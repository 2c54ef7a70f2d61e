import { hostname } from 'node:os';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseDocumentAs } from '../generator/spec/parse-spec.ts';
import { BerthError } from '../model/errors.ts';
import { runtimeConfig } from '../model/runtime-config.ts';
import type { BackupsConfig, RuntimeConfig } from '../model/runtime-config.ts';
import { systemClock } from '../runtime/clocks/system-clock.ts';
import type { World } from '../runtime/open-store.ts';
import type { Context } from './context.ts';
import { expectParsed } from './site.ts';
import { version } from './version.ts';

export interface FoundRuntime {
  readonly config: RuntimeConfig & { readonly backups: BackupsConfig };
  /** Of runtime.yaml: a site, or a recovery kit. */
  readonly folder: string;
}

/** runtime.yaml of a site that makes backups. @throws BerthError with every problem of the file, or when there is none. */
export function readRuntime(file: string): FoundRuntime {
  if (!existsSync(file))
    throw new BerthError(
      'io',
      `${file} is not there`,
      'name the folder of a site or of a recovery kit with --site; in a site `berth generate` writes it',
    );
  const config = expectParsed(
    parseDocumentAs(readFileSync(file), file, runtimeConfig, () => []),
    file,
    'run `berth generate`, which writes it anew',
  );
  const { backups } = config;
  if (backups === undefined)
    throw new BerthError(
      'usage',
      `${file} names no place for backups`,
      'add `backups: { folder: /srv/backups }`, or a bucket, to berth.yaml, then run `berth generate`',
    );
  return { config: { ...config, backups }, folder: dirname(resolve(file)) };
}

/** What lies beside the backups for those who have no Berth. */
function instructionsOf(root: string): ReadonlyMap<string, Uint8Array> {
  const files = ['RESTORE.md', 'restore.mjs'].map((name) => [name, join(root, 'dist', name)] as const);
  const missing = files.find(([, path]) => !existsSync(path));
  if (missing)
    throw new BerthError(
      'io',
      `${missing[1]} is not there: Berth is not installed whole`,
      'run `npm run build` in its folder, or install it again',
    );
  return new Map(files.map(([name, path]) => [name, readFileSync(path)]));
}

/** @param patienceMs - How long a command waits for another agent; a minute tells a dead one from a slow one. */
export const worldOf = (context: Context, patienceMs = 75_000): World => ({
  clock: systemClock,
  random: context.random,
  holder: `${hostname()}:${process.pid}`,
  berth: version,
  instructions: instructionsOf(context.root),
  leasePatienceMs: patienceMs,
});
