import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact } from '../../../model/artifact.ts';
import { applyChanges, readState } from '../../../generator/io/disk.ts';
import { decideChanges } from '../../../generator/merge/decide-changes.ts';
import type { Decision } from '../../../generator/merge/decide-changes.ts';

/** A folder that is gone at the end of the block. */
export interface TemporarySite extends Disposable {
  readonly path: string;
}

/** In memory where that can be had: some tests make hundreds. */
const home = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function temporarySite(like?: string): TemporarySite {
  const path = mkdtempSync(join(home, 'berth-site-'));
  if (like !== undefined) copyTree(like, path);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** With the modes of folders, which `cpSync` does not keep. */
function copyTree(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) mkdirSync(target);
    else writeFileSync(target, readFileSync(source));
    chmodSync(target, lstatSync(source).mode & 0o7777);
    if (entry.isDirectory()) copyTree(source, target);
  }
}

/** Every file and folder with its mode and content, the lock apart: `0644 config/app.conf: a\n`. */
export function snapshot(site: string, { times = false }: { readonly times?: boolean } = {}): string[] {
  return readdirSync(site, { recursive: true, encoding: 'utf8' })
    .filter((path) => path !== '.berth/lock')
    .sort()
    .map((path) => {
      const stat = lstatSync(join(site, path));
      const what = stat.isDirectory()
        ? '/'
        : stat.isSymbolicLink()
          ? ` -> ${readlinkSync(join(site, path))}`
          : `: ${readFileSync(join(site, path), 'utf8')}`;
      return `${(stat.mode & 0o7777).toString(8).padStart(4, '0')} ${path}${what}${times ? ` @${stat.mtimeMs}/${stat.ctimeMs}` : ''}`;
    });
}

export const decide = (site: string, artifacts: readonly Artifact[]): Decision =>
  decideChanges(
    artifacts,
    readState(
      site,
      artifacts.map(({ path }) => path),
    ),
  );

/** What `generate` does with a site. */
export const generate = (site: string, artifacts: readonly Artifact[]): void => applyChanges(site, decide(site, artifacts));

export const artifact = (
  path: string,
  content: string,
  policy: Artifact['policy'] = 'generated',
  mode: Artifact['mode'] = 0o644,
): Artifact => ({ path, content, policy, mode });
