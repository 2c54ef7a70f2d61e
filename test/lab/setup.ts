import { ensureEngine, ensureKubectl, ensureSecondCompose } from './engine.ts';
import { ensureImages } from './images.ts';
import { attempt } from './process.ts';

/** Vitest's global setup: tests that need the lab find it up, whoever started it. It stays up afterwards; a second run costs a second. */
export default async function setup(): Promise<void> {
  await ensureEngine();
  await ensureSecondCompose();
  await ensureKubectl();
  await ensureImages();
  // The sample application as it is now: a site builds it where it is missing, and would take an older one that lies there.
  await attempt(['docker', 'image', 'rm', '--force', 'berth/hello:0.1.0']);
}
