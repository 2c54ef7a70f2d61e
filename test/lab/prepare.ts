import { ensureEngine, ensureKubectl, ensureSecondCompose } from './engine.ts';
import { IMAGES, ensureImages, type ImageName } from './images.ts';

// node test/lab/prepare.ts [image …]: bring the lab up, or only what the named images need
const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in IMAGES));
if (unknown.length > 0) throw new Error(`no image ${unknown.join(', ')}; there are: ${Object.keys(IMAGES).join(', ')}`);

const { engine, compose } = await ensureEngine();
const second = await ensureSecondCompose();
await ensureKubectl();
await ensureImages(names.length > 0 ? (names as ImageName[]) : undefined);
process.stderr.write(`lab: ready: engine ${engine}, compose ${compose}, a second compose at ${second}\n`);
