import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { checkLockedImages } from '../generator/doctor/locked-images.ts';
import { replaceFile, syncFolder } from '../generator/io/atomic.ts';
import { realFileSystem } from '../generator/io/file-system.ts';
import { attempt } from '../generator/io/io-failure.ts';
import { lockSite } from '../generator/io/lock.ts';
import { readText } from '../generator/io/read-text.ts';
import { writeYaml } from '../generator/render/write-yaml.ts';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Problem } from '../model/errors.ts';
import { isKnown } from '../model/host-state.ts';
import { imageLockDocument, imageLockOf } from '../model/image-lock.ts';
import type { ImageLock, LockedImage } from '../model/image-lock.ts';
import { readIdentities } from '../runtime/host/image-identity.ts';
import { viewOf } from '../runtime/host/view.ts';
import { loginFor } from '../runtime/registry/docker-credentials.ts';
import { resolveImage } from '../runtime/registry/registry.ts';
import { authoritiesFor } from '../runtime/registry/trusted.ts';
import type { ClusterContext } from './cluster.ts';
import { describeDiagnoses } from './describe-diagnoses.ts';
import { fetchedImages, imagesOf } from './site-images.ts';
import { paint } from './text.ts';

const lockFile = 'images.lock.yaml';
const head = `# What each image of this site was when its registry was asked. Written by \`berth images lock\`; keep it with berth.yaml.
# compose.yaml and the manifests go on naming tags, so that images which come by file are found; \`berth images verify\` compares.
`;
/** Registries slow down who asks for more at a time. */
const atOnce = 4;

interface Asked {
  readonly site: string;
  readonly json: boolean;
}

/** @throws BerthError `spec` with the place of what no lock has. */
function readLock(site: string): ImageLock {
  const text = readText(site, lockFile, realFileSystem)?.text;
  if (text === undefined) return new Map();
  const cure = 'restore it from your copy, or remove it and run `berth images lock` again';
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const alias = /[*&]/.test(text) ? { pos: [text.search(/[*&]/)] as const, message: 'a lock has no aliases' } : undefined;
  const error = document.errors[0] ?? alias;
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new BerthError('spec', `${lockFile}:${line}:${col}: ${error.message}`, cure);
  }
  const lock = imageLockOf(document.toJS());
  if ('wrong' in lock) throw new BerthError('spec', `${lockFile}: ${lock.wrong} is not what a lock has there`, cure);
  return lock;
}

interface Change {
  readonly reference: string;
  readonly before: string | null;
  readonly now: string | null;
}

/** What was locked and still is the same keeps its date, so that a second run writes nothing. */
const keep = (known: LockedImage | undefined, found: Omit<LockedImage, 'since'>, now: Date): LockedImage =>
  known && known.digest === found.digest && known.platforms.length === found.platforms.length
    ? known
    : { ...found, since: now.toISOString() };

function changesBetween(before: ImageLock, after: ImageLock): readonly Change[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((reference) => ({ reference, before: before.get(reference)?.digest ?? null, now: after.get(reference)?.digest ?? null }))
    .filter(({ before: old, now }) => old !== now);
}

/** Asks every registry before anything is thrown, so that one run tells all that is wrong. */
async function resolveAll(
  references: readonly string[],
  context: ClusterContext,
  progress: (done: number) => void,
): Promise<ReadonlyMap<string, Omit<LockedImage, 'since'>>> {
  const found = new Map<string, Omit<LockedImage, 'since'>>();
  const failures: [string, BerthError][] = [];
  const waiting = [...references];
  let done = 0;
  await context.abortable(async (signal) => {
    const access = {
      login: (reference: Parameters<typeof loginFor>[0]) => loginFor(reference, context.env),
      authorities: authoritiesFor,
      env: context.env,
      sleep: context.clock.sleep,
      signal,
    };
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        try {
          found.set(next, await resolveImage(next, access));
        } catch (error) {
          if (!(error instanceof BerthError)) throw error;
          failures.push([next, error]);
        }
        progress((done += 1));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  });
  const [first] = failures;
  if (!first) return found;
  const problems = failures
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, { message, hint }]): Problem => ({ file, line: 0, column: 0, path: '', message, hint }));
  throw new BerthError(
    first[1].kind,
    `${failures.length} of ${references.length} images could not be looked up; ${lockFile} is as it was`,
    problems[0]?.hint ?? '',
    { problems },
  );
}

const short = (digest: string | null): string => (digest === null ? 'nothing' : digest.slice(0, 19));

/** Ask the registries what each image is, and keep it. With `check`, say what is not as it was kept, and write nothing. */
export async function lockImages({ site, json, check }: Asked & { readonly check: boolean }, context: ClusterContext): Promise<void> {
  const references = fetchedImages(imagesOf(site, context)).map(({ reference }) => reference);
  using _lock = check ? undefined : lockSite(site);
  const before = readLock(site);
  const clear = context.interactive && !json ? '\r\u001b[K' : '';
  const resolved = await resolveAll(references, context, (done) => {
    if (clear !== '') context.err(`${clear}asked for ${done} of ${references.length} images …`);
  }).finally(() => context.err(clear));
  const after: ImageLock = new Map(
    [...resolved].map(([reference, found]) => [reference, keep(before.get(reference), found, context.now())]),
  );
  const changes = changesBetween(before, after);
  const text = head + writeYaml(imageLockDocument(after));
  if (!check && changes.length > 0)
    await context.uninterrupted(() =>
      attempt(`write ${lockFile}`, () => {
        replaceFile(join(site, lockFile), text, 0o644, realFileSystem);
        syncFolder(site, realFileSystem);
      }),
    );
  if (check && changes.length > 0) context.exit(EXIT.stale);
  if (json)
    return context.out(
      `${JSON.stringify({ site, file: lockFile, written: !check && changes.length > 0, changes, images: imageLockDocument(after).images }, null, 2)}\n`,
    );
  const style = paint(context.color);
  const lines = changes.map(
    ({ reference, before: old, now }) =>
      `  ${style(old === null ? 'green' : 'yellow', reference)}  ${old === null ? short(now) : `${short(old)} → ${short(now)}`}\n`,
  );
  const sum =
    changes.length === 0
      ? `All ${after.size} images are what ${lockFile} says.\n`
      : check
        ? `${changes.length} of ${after.size} images are not what ${lockFile} says.\n`
        : `${lockFile} holds ${after.size} images, ${changes.length} of them changed.\n`;
  context.out(lines.join('') + sum);
}

/** Compare what the engine has with what was locked, without any registry. */
export async function verifyImages({ site, json }: Asked, context: ClusterContext): Promise<void> {
  const lock = readLock(site);
  if (lock.size === 0)
    throw new BerthError(
      'io',
      `${lockFile} is not there`,
      'run `berth images lock` where the registries can be reached, and carry the file here',
    );
  const references = fetchedImages(imagesOf(site, context))
    .filter(({ usedBy }) => usedBy.every((user) => !user.startsWith('build of ')))
    .map(({ reference }) => reference);
  const images = await readIdentities(viewOf(context.env), references);
  if (!isKnown(images))
    throw new BerthError('unreachable', `the engine tells nothing: ${images.notKnown}`, 'see that Docker runs, and that you may use it');
  const diagnoses = checkLockedImages(lock, images);
  const sound = diagnoses.every(({ verdict }) => verdict !== 'fail');
  if (json) context.out(`${JSON.stringify({ site, sound, diagnoses }, null, 2)}\n`);
  else context.out(describeDiagnoses('Images of the engine against images.lock.yaml', diagnoses, context));
  if (!sound) context.exit(EXIT.unfit);
}
