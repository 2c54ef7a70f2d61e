import { at, list, text } from './check.ts';
import type { Json } from './check.ts';

/** An entry of `images:` in a kustomization. */
export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly tagSuffix?: string;
  readonly digest?: string;
}

const given = (value: Json): string | undefined => (value === undefined || value === null || text(value) === '' ? undefined : text(value));

export const imageEntriesOf = (kustomization: Json): readonly ImageEntry[] =>
  list(at(kustomization, 'images')).map((entry) => {
    const fields = (['newName', 'newTag', 'tagSuffix', 'digest'] as const).flatMap((field) => {
      const value = given(at(entry, field));
      return value === undefined ? [] : [[field, value] as const];
    });
    return { name: text(at(entry, 'name')), ...Object.fromEntries(fields) };
  });

/** `registry:5000/a/b:1@sha256:…` in its parts. */
function partsOf(reference: string): { readonly name: string; readonly tag?: string; readonly digest?: string } {
  const [rest = '', digest] = reference.split('@', 2);
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  return {
    name: colon < 0 ? rest : rest.slice(0, colon),
    ...(colon < 0 ? {} : { tag: rest.slice(colon + 1) }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The name is the whole one, as it stands in the manifest: `nginx` is not `docker.io/library/nginx`. */
export const concerns = ({ name }: ImageEntry, reference: string): boolean => partsOf(reference).name === name;

/** What kustomize makes of an image: each entry in its turn. */
export const rewriteImage = (reference: string, entries: readonly ImageEntry[]): string =>
  entries.reduce((image, entry) => {
    if (!concerns(entry, image)) return image;
    const parts = partsOf(image);
    const name = entry.newName ?? parts.name;
    if (entry.digest !== undefined) return `${name}${entry.newTag === undefined ? '' : `:${entry.newTag}`}@${entry.digest}`;
    // A digest names one image: another tag beside it would be a lie.
    if (entry.newTag !== undefined) return `${name}:${entry.newTag}${entry.tagSuffix ?? ''}`;
    const tag = parts.tag === undefined ? '' : `:${parts.tag}${entry.tagSuffix ?? ''}`;
    return `${name}${tag}${parts.digest === undefined ? '' : `@${parts.digest}`}`;
  }, reference);

const lists = new Set(['containers', 'initContainers']);

/** An object with every image of its containers rewritten, wherever its pods are described. */
export function withImages(body: Json, change: (image: string) => string): Json {
  if (Array.isArray(body)) return (body as readonly Json[]).map((item) => withImages(item, change));
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      key,
      lists.has(key) && Array.isArray(value)
        ? (value as readonly Json[]).map((container) => {
            const image = at(container, 'image');
            return typeof image === 'string' ? { ...(container as object), image: change(image) } : container;
          })
        : withImages(value, change),
    ]),
  );
}
