import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { apt, mirror } from './debian.ts';
import { attempt, locked, run, step } from './process.ts';

const HERE = import.meta.dirname;
const LABEL = 'berth.lab.hash';

interface LabImage {
  /** The official reference a site names, so that a generated site runs as it is. */
  reference: string;
  /** Its folder, where that is not its name. */
  folder?: string;
  /** Further folders the Dockerfile copies from, by the name it uses. */
  contexts?: () => Record<string, string>;
}

/** Every image the lab can build, by name. All stand on {@link BASE}. */
export const IMAGES = {
  postgres: { reference: 'docker.io/library/postgres:17.11-trixie' },
  pgbouncer: { reference: 'docker.io/edoburu/pgbouncer:v1.24.1-p1' }, // Debian's own version is 1.24.1
  mysql: { reference: 'docker.io/library/mysql:8.4.11' }, // Debian's own version is 9.7
  mariadb: { reference: 'docker.io/library/mariadb:11.8.9' }, // Debian's own version is 11.8.6
  valkey: { reference: 'docker.io/valkey/valkey:8.1.8' }, // Debian's own version is 8.1.1
  redis: { reference: 'docker.io/library/redis:8.2.3' }, // Debian's own version is 8.0.2
  haproxy: { reference: 'docker.io/library/haproxy:3.2.26' },
  memcached: { reference: 'docker.io/library/memcached:1.6.39-trixie' }, // Debian's own version is 1.6.38
  nginx: { reference: 'docker.io/library/nginx:1.30.6' },
  node: { reference: 'docker.io/library/node:24.21.0-trixie-slim', contexts: () => ({ node: dirname(nodeBinary()) }) },
  registry: { reference: 'docker.io/library/registry:2.8.3' }, // Debian's own version is 2.8.2
  rescue: { reference: 'localhost/berth-lab/rescue:trixie' }, // of no site: who restores by hand
  seaweedfs: {
    reference: 'docker.io/chrislusf/seaweedfs:4.48',
    folder: 'seaweedfs-stand-in',
    contexts: () => ({ s3: join(HERE, 'images', 'minio-stand-in') }),
  },
  minio: { reference: 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z', folder: 'minio-stand-in' },
} satisfies Record<string, LabImage>;

export type ImageName = keyof typeof IMAGES;

const BASE = { folder: 'debian-trixie-slim', reference: 'debian:trixie-slim' };

/**
 * Build the images that are missing or whose sources have changed. An image of the same name without the lab's label is the real one, and is left alone.
 *
 * @param names - Which images; all of them without it.
 */
export async function ensureImages(names: readonly ImageName[] = Object.keys(IMAGES) as ImageName[]): Promise<void> {
  await locked('images', async () => {
    const base = hash([join(HERE, 'images', BASE.folder)]);
    const state = new Map<string, boolean>();
    for (const name of names) state.set(name, await current(IMAGES[name].reference, hashOf(name, base)));
    const missing = names.filter((name) => !state.get(name));
    if (missing.length === 0) return;
    if (!(await current(BASE.reference, base))) await step(`build ${BASE.reference}`, () => buildBase(base));
    const buildNext = async (): Promise<void> => {
      for (let name = missing.shift(); name !== undefined; name = missing.shift()) {
        const next = name;
        await step(`build ${IMAGES[next].reference}`, () => build(next, hashOf(next, base)));
      }
    };
    // Two at a time: one waits for packages while the other unpacks its own.
    await Promise.all([buildNext(), buildNext()]);
  });
}

/** Whether an image is one that the lab built, and not the real one. */
export async function isFromLab(name: ImageName): Promise<boolean> {
  return (await labelOf(IMAGES[name].reference)) !== '';
}

/** The hash that the lab gave an image: empty where the image is not the lab's, `undefined` where there is none. */
async function labelOf(reference: string): Promise<string | undefined> {
  const { code, stdout } = await attempt([
    'docker',
    'image',
    'inspect',
    reference,
    '--format',
    `{{with .Config.Labels}}{{index . "${LABEL}"}}{{end}}`,
  ]);
  return code === 0 ? stdout.trim() : undefined;
}

/** Whether an image is there and needs no build: it carries this hash, or it is not the lab's. */
async function current(reference: string, wanted: string): Promise<boolean> {
  const label = await labelOf(reference);
  return label === '' || label === wanted;
}

async function buildBase(wanted: string): Promise<void> {
  if (!existsSync('/usr/sbin/debootstrap')) await apt('install', '-y', '--no-install-recommends', 'debootstrap');
  const { uri, signedBy } = mirror();
  await run(['sh', join(HERE, 'images', BASE.folder, 'build.sh'), BASE.reference, wanted, uri, signedBy]);
}

async function build(name: ImageName, wanted: string): Promise<void> {
  const image: LabImage = IMAGES[name];
  const contexts = Object.entries(image.contexts?.() ?? {}).flatMap(([key, folder]) => ['--build-context', `${key}=${folder}`]);
  await run([
    'docker',
    'buildx',
    'build',
    '--progress=plain',
    '--load',
    '--label',
    `${LABEL}=${wanted}`,
    '--tag',
    image.reference,
    ...contexts,
    sources(name),
  ]);
}

const sources = (name: ImageName) => join(HERE, 'images', (IMAGES[name] as LabImage).folder ?? name);

function hashOf(name: ImageName, base: string): string {
  const image: LabImage = IMAGES[name];
  return hash([sources(name), ...Object.values(image.contexts?.() ?? {})], base);
}

/** A digest of folders: the names, executable bits and bytes of what they hold; large files count by size and date. */
export function hash(folders: readonly string[], seed = ''): string {
  const digest = createHash('sha256').update(seed);
  for (const folder of folders) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
      const { mode, size, mtimeMs } = statSync(path);
      digest.update(`\0${relative(folder, path)}\0${mode & 0o111}\0${size}\0`);
      digest.update(size > 8 << 20 ? String(mtimeMs) : readFileSync(path));
    }
  }
  return digest.digest('hex').slice(0, 16);
}

/** The Node the project pins, not the one that happens to run this. */
function nodeBinary(): string {
  return join(HERE, '../../node_modules/node/bin/node');
}
