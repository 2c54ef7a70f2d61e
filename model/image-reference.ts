/** An image reference in its parts, as an engine understands it. */
export interface ImageReference {
  /** Host, with its port where one is named. Docker's own is `docker.io`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  readonly tag: string;
  readonly digest?: string;
}

/** A first part without a dot, a colon or the name localhost is no host; an official image of Docker's has no folder in its name. */
export function parseReference(reference: string): ImageReference {
  const [named = '', digest] = reference.split('@');
  const [first = '', ...rest] = named.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const registry = !hasHost || first === 'index.docker.io' ? 'docker.io' : first;
  const path = hasHost ? rest.join('/') : named;
  const colon = path.lastIndexOf(':');
  const [name, tag] = colon > path.lastIndexOf('/') ? [path.slice(0, colon), path.slice(colon + 1)] : [path, 'latest'];
  const repository = registry === 'docker.io' && !name.includes('/') ? `library/${name}` : name;
  return { registry, repository, tag, ...(digest === undefined ? {} : { digest }) };
}

/** Where the registry of a reference answers. */
export const registryHost = ({ registry }: ImageReference): string => (registry === 'docker.io' ? 'registry-1.docker.io' : registry);
