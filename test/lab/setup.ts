import { join } from 'node:path';
import { ensureEngine, ensureKubectl, ensureSecondCompose } from './engine.ts';
import { ensureImages } from './images.ts';
import { run } from './process.ts';

/** Vitest's global setup: tests that need the lab find it up, whoever started it. It stays up afterwards; a second run costs a second. */
export default async function setup(): Promise<void> {
  await ensureEngine();
  await ensureSecondCompose();
  await ensureKubectl();
  await ensureImages();
  // The sample application as it is now. A site builds it where it is missing, and two that do so at once would each have another one.
  const root = join(import.meta.dirname, '../..');
  const dockerfile = join(root, 'examples/hello/Dockerfile');
  await run(['docker', 'build', '--quiet', '--tag', 'berth/hello:0.1.0', '--file', dockerfile, join(root, 'dist/examples/hello')]);
}
