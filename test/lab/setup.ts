import { ensureEngine, ensureKubectl, ensureSecondCompose } from './engine.ts';
import { ensureImages } from './images.ts';

/** Vitest's global setup: tests that need the lab find it up, whoever started it. It stays up afterwards; a second run costs a second. */
export default async function setup(): Promise<void> {
  await ensureEngine();
  await ensureSecondCompose();
  await ensureKubectl();
  await ensureImages();
}
