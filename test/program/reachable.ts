import { chmodSync, cpSync, linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
let copy: { readonly node: string; readonly launcher: string } | undefined;

/** The built program and its Node in a folder that every user may enter: a checkout may lie where only its owner can. Gone with this process. */
export function reachableProgram(): { readonly node: string; readonly launcher: string } {
  if (copy) return copy;
  const folder = mkdtempSync(join(tmpdir(), 'berth-program-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const path of ['cli/berth.js', 'dist', 'package.json', 'examples/hello/berth.yaml', 'examples/hello/Dockerfile']) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  const node = join(folder, 'node');
  try {
    linkSync(process.execPath, node);
  } catch {
    cpSync(process.execPath, node);
  }
  chmodSync(folder, 0o755);
  return (copy = { node, launcher: join(folder, 'cli/berth.js') });
}
