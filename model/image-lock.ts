/** Where an image of several platforms is one after all: for each platform, what its manifest and its configuration hash to. */
export interface LockedPlatform {
  /** `linux/amd64`, `linux/arm64/v8`. */
  readonly platform: string;
  readonly manifest: string;
  /** What an engine calls the image by after `docker load`, when no registry is known any more. */
  readonly config: string;
}

/** What a reference meant to its registry. */
export interface LockedImage {
  /** `sha256:` and 64 hex digits: of the list of platforms, or of the only manifest. */
  readonly digest: string;
  /** When it was first seen to be this one. ISO 8601. */
  readonly since: string;
  readonly platforms: readonly LockedPlatform[];
}

/** images.lock.yaml: by reference, as the site names it. */
export type ImageLock = ReadonlyMap<string, LockedImage>;

const digestPattern = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (value: unknown): value is string => typeof value === 'string' && digestPattern.test(value);

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function platformOf(value: unknown): LockedPlatform | undefined {
  if (!isFields(value)) return undefined;
  const { platform, manifest, config } = value;
  return typeof platform === 'string' && isDigest(manifest) && isDigest(config) ? { platform, manifest, config } : undefined;
}

function imageOf(value: unknown): LockedImage | undefined {
  if (!isFields(value)) return undefined;
  const { digest, since, platforms } = value;
  if (!isDigest(digest) || typeof since !== 'string' || Number.isNaN(Date.parse(since)) || !Array.isArray(platforms)) return undefined;
  const known = platforms.map(platformOf);
  return known.every((platform) => platform !== undefined) ? { digest, since, platforms: known } : undefined;
}

/** The lock that a document says, or the path of the first thing in it that no lock has. */
export function imageLockOf(value: unknown): ImageLock | { readonly wrong: string } {
  if (!isFields(value) || value['version'] !== 1) return { wrong: 'version' };
  const { images } = value;
  if (!isFields(images)) return { wrong: 'images' };
  const entries = Object.entries(images).map(([reference, image]) => [reference, imageOf(image)] as const);
  const broken = entries.find(([, image]) => image === undefined);
  return broken ? { wrong: `images.${broken[0]}` } : new Map(entries as [string, LockedImage][]);
}

/** What a document says that {@link imageLockOf} reads. */
export const imageLockDocument = (lock: ImageLock) => ({
  version: 1,
  images: Object.fromEntries(
    [...lock]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([reference, { digest, since, platforms }]) =>
          [reference, { digest, since, platforms: platforms.map((one) => ({ ...one })) }] as const,
      ),
  ),
});
