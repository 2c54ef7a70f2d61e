import type { WrittenSpec } from '../../model/written-spec.ts';
import { suggest } from './describe-issue.ts';
import type { Finding } from './finding.ts';
import { defaults } from './defaults.ts';
import { mountsOf } from './resolve-service.ts';

/** One place twice is one mount too many, and one inside another hides a part of it. */
function* checkPlaces(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, service] of Object.entries(spec.services)) {
    const seen: { readonly path: string; readonly volume: boolean }[] = [{ path: '/tmp', volume: false }];
    const at = ['services', name];
    for (const [index, path] of (service.writable ?? []).entries()) {
      if ((service.writable ?? []).indexOf(path) < index)
        yield { path: [...at, 'writable', index], message: `"${path}" stands twice`, hint: 'keep one of the two' };
      seen.push({ path, volume: false });
    }
    for (const { name: volume, path } of mountsOf(service)) {
      const other = seen.find(
        (one) => one.path === path || path.startsWith(`${one.path}/`) || (one.volume && one.path.startsWith(`${path}/`)),
      );
      if (other)
        yield {
          path: [...at, 'volumes', volume],
          message: `${path} and ${other.path} lie in one another: one would hide the other`,
          hint: 'give each a folder of its own',
        };
      seen.push({ path, volume: true });
    }
  }
}

/** A volume belongs to one user and group: whoever mounts it has to be that one. */
function* checkUsers(spec: WrittenSpec): Iterable<Finding> {
  const owners = new Map<string, readonly [service: string, user: string]>();
  for (const [name, service] of Object.entries(spec.services))
    for (const { name: volume } of mountsOf(service)) {
      const user = service.user ?? defaults.user;
      const [first, owner] = owners.get(volume) ?? [name, user];
      owners.set(volume, [first, owner]);
      if (owner !== user)
        yield {
          path: ['services', name, 'volumes', volume],
          message: `${first} mounts it as ${owner}, and ${name} runs as ${user}: neither could write what the other wrote`,
          hint: 'give both services the same user',
        };
    }
}

/** Volumes: who mounts them, where, and as whom. */
export function* checkVolumes(spec: WrittenSpec): Iterable<Finding> {
  const known = Object.keys(spec.volumes ?? {});
  const used = new Set<string>();
  for (const [name, service] of Object.entries(spec.services))
    for (const volume of Object.keys(service.volumes ?? {})) {
      used.add(volume);
      if (known.includes(volume)) continue;
      const near = suggest(volume, known);
      yield {
        path: ['services', name, 'volumes'],
        key: volume,
        message: `there is no volume "${volume}"`,
        hint: near ? `did you mean "${near}"?` : known.length > 0 ? `known: ${known.join(', ')}` : 'add it under volumes',
      };
    }
  for (const volume of known)
    if (!used.has(volume))
      yield { path: ['volumes'], key: volume, message: 'no service mounts it', hint: `add volumes: { ${volume}: /srv/${volume} } to one` };
  yield* checkPlaces(spec);
  yield* checkUsers(spec);
}
