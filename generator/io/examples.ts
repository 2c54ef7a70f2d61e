import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../model/artifact.ts';
import { BerthError } from '../../model/errors.ts';

/** Examples that can be started from, by name. */
export const listExamples = (root: string): readonly string[] =>
  readdirSync(join(root, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'examples', entry.name, 'berth.yaml')))
    .map((entry) => entry.name)
    .sort();

/** The spec of an example and, when it is built at the site, its build context: the Dockerfile and the program in one file. */
export function readExample(root: string, name: string): { readonly text: string; readonly files: readonly Artifact[] } {
  const folder = join(root, 'examples', name);
  const program = join(root, 'dist', 'examples', name, 'server.mjs');
  const text = readFileSync(join(folder, 'berth.yaml'), 'utf8');
  if (!existsSync(join(folder, 'Dockerfile'))) return { text, files: [] };
  if (!existsSync(program))
    throw new BerthError('io', `the example ${name} was not built: ${program} is missing`, "run `npm run build` in Berth's folder");
  const once = (path: string, content: string): Artifact => ({ path, content, mode: 0o644, policy: 'once' });
  return {
    text,
    files: [
      once('app/Dockerfile', readFileSync(join(folder, 'Dockerfile'), 'utf8')),
      once('app/server.mjs', readFileSync(program, 'utf8')),
    ],
  };
}
