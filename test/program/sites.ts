import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { temporarySite } from '../generator/io/site-fixture.ts';
import type { TemporarySite } from '../generator/io/site-fixture.ts';
import { expectExit, host } from './berth.ts';

/** One fresh site for a file of tests; each test takes its own copy of it. */
export function freshSite(options: readonly string[] = []): () => TemporarySite {
  const model = temporarySite();
  beforeAll(() => expectExit(0, ['init', model.path, '--profile', 'minimum', '--set', 'name=hello', ...host, ...options]));
  afterAll(() => {
    model[Symbol.dispose]();
  });
  return () => temporarySite(model.path);
}

/** Changes a file as an editor does. */
export function edit(site: string, file: string, change: (text: string) => string): void {
  const before = readFileSync(join(site, file), 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`the edit of ${file} changes nothing`);
  rmSync(join(site, file));
  writeFileSync(join(site, file), after);
}
