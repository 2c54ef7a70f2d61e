import { at, text } from './check.ts';
import type { Json } from './check.ts';

/** Anchored, as kustomize takes the fields of a target: each is an expression of its own. */
const fits = (pattern: Json, value: Json): boolean => {
  if (pattern === undefined || pattern === null || pattern === '') return true;
  try {
    return new RegExp(`^(?:${text(pattern)})$`).test(text(value));
  } catch {
    return false;
  }
};

const selectorOf = (selector: Json): readonly (readonly [string, string])[] =>
  text(selector)
    .split(',')
    .filter((one) => one.trim() !== '')
    .map((one) => {
      const [key = '', value = ''] = one.split(/==?/);
      return [key.trim(), value.trim()];
    });

export function isTarget(target: Json, object: Json): boolean {
  const [group = '', version = ''] = text(at(object, 'apiVersion')).includes('/')
    ? text(at(object, 'apiVersion')).split('/')
    : ['', text(at(object, 'apiVersion'))];
  const labels = (where: string, selector: string): boolean =>
    selectorOf(at(target, selector)).every(([key, value]) => at(object, 'metadata', where, key) === value);
  return (
    fits(at(target, 'kind'), at(object, 'kind')) &&
    fits(at(target, 'name'), at(object, 'metadata', 'name')) &&
    fits(at(target, 'namespace'), at(object, 'metadata', 'namespace')) &&
    (at(target, 'group') === undefined || at(target, 'group') === group) &&
    (at(target, 'version') === undefined || at(target, 'version') === version) &&
    labels('labels', 'labelSelector') &&
    labels('annotations', 'annotationSelector')
  );
}

export const nameOf = (object: Json): string => `${text(at(object, 'kind'))} ${text(at(object, 'metadata', 'name'))}`;

/** The names by which a patch was found are not part of it: a target may be another object than the one it names. */
export function withoutName(patch: Json, object: Json): Json {
  const metadata = at(patch, 'metadata');
  const names = { name: at(object, 'metadata', 'name'), namespace: at(object, 'metadata', 'namespace') };
  return metadata === undefined
    ? patch
    : { ...(patch as object), kind: at(object, 'kind'), metadata: { ...(metadata as object), ...names } };
}
