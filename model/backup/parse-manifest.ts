import { BerthError } from '../errors.ts';
import { isDependent, manifestShape, type Manifest, type StoredStream } from './manifest.ts';
import { ShapeError } from './shape.ts';

/**
 * Text → manifest.
 *
 * @param key - Where the text was found, for messages.
 * @throws BerthError `damaged` for what is no manifest or contradicts itself, `unsupported` for that of a newer Berth.
 */
export function parseManifest(source: string, key: string): Manifest {
  const value = parseJson(source, key);
  const { format, version } = Object(value) as Readonly<Record<string, unknown>>;
  if (format !== manifestFormat) throw damaged(key, 'it is not a manifest of Berth', 'move it out of the store of backups');
  if (typeof version === 'number' && version > newest)
    throw new BerthError(
      'unsupported',
      `${key} has format ${version}, and this Berth reads up to ${newest}`,
      'use the Berth that wrote it, or a newer one',
    );
  try {
    const manifest = manifestShape(value, '');
    const contradiction = findContradiction(manifest);
    if (contradiction !== undefined) throw damaged(key, contradiction);
    return manifest;
  } catch (error) {
    if (error instanceof ShapeError) throw damaged(key, error.message, undefined, { cause: error });
    throw error;
  }
}

const manifestFormat: Manifest['format'] = 'berth-backup';
const newest: Manifest['version'] = 2;

const damaged = (
  key: string,
  what: string,
  cure = 'use another backup, or the copy in the second store',
  options?: ErrorOptions,
): BerthError => new BerthError('damaged', `manifest ${key} is damaged: ${what}`, cure, options);

function parseJson(source: string, key: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw damaged(key, 'it is not JSON', undefined, { cause: error });
  }
}

/** What no single field can say. */
function findContradiction(manifest: Manifest): string | undefined {
  const { version, id, kind, chain, parent, cipher, streams } = manifest;
  if (isDependent(kind) ? parent === null || parent === id || chain === id : parent !== null || chain !== id)
    return `its chain and parent are not those of a backup of kind ${kind}`;
  if (new Set(streams.map((stream) => stream.name)).size < streams.length) return 'two of its streams have the same name';
  const isOfAge = cipher.suite === 'age';
  if (isOfAge !== (version === 2) || isOfAge !== cipher.keyCheck.startsWith('age1')) return `its key is not one of ${cipher.suite}`;
  if (streams.some(({ iv }) => isOfAge !== (iv === null))) return `its streams are not those of ${cipher.suite}`;
  if (!isOfAge && new Set(streams.map(({ iv }) => iv)).size < streams.length) return 'two of its streams have the same iv';
  const keys = streams.flatMap((stream) => stream.objects.map((object) => object.key));
  if (new Set(keys).size < keys.length) return 'it names an object twice';
  return streams.map(findWrongParts).find((each) => each !== undefined);
}

function findWrongParts({ name, partBytes, objects }: StoredStream): string | undefined {
  const wrong = objects.find(({ bytes, parts }) => parts.length !== Math.ceil(bytes / partBytes));
  return wrong && `stream ${name} has ${wrong.parts.length} parts of ${partBytes} bytes for ${wrong.bytes} bytes`;
}
