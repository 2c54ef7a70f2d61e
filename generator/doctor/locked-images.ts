import type { ImageLock, LockedImage } from '../../model/image-lock.ts';
import { fail, pass, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** An image as an engine has it: by its hash, and by what registries called it. */
interface Present {
  readonly reference: string;
  readonly here?: { readonly id: string; readonly digests: readonly string[]; readonly platform: string };
}

const short = (digest: string): string => digest.replace(/^(sha256:.{12}).*$/, '$1…');

function isLocked({ digest, platforms }: LockedImage, { id, digests }: NonNullable<Present['here']>): boolean {
  const names = new Set([digest, ...platforms.flatMap(({ manifest, config }) => [manifest, config])]);
  return names.has(id) || digests.some((one) => names.has(one));
}

function judge(lock: ImageLock, { reference, here }: Present): Diagnosis {
  const found = (text: string) => ({ id: `image:${reference}`, title: reference, found: text });
  const locked = lock.get(reference);
  if (!locked)
    return warn(
      found('it is not in images.lock.yaml'),
      'run `berth images lock` where its registry can be reached, and carry the file here',
    );
  if (!here) return warn(found('the engine does not have it'), '`docker load` it from the bundle, or pull it');
  const since = locked.since.slice(0, 10);
  if (isLocked(locked, here)) return pass(`image:${reference}`, reference, `what it was on ${since}: ${short(here.id)}`);
  return fail(
    found(`the engine has ${short(here.id)} for ${here.platform}, and on ${since} it was ${short(locked.digest)}`),
    'find out who changed it; load or pull the one that was locked, or lock the new one with `berth images lock`',
  );
}

/** Whether an engine runs what was locked, also where the images came by file and no registry is known. */
export const checkLockedImages = (lock: ImageLock, images: readonly Present[]): readonly Diagnosis[] =>
  images.map((image) => judge(lock, image));
