import { isKnown } from '../../model/host-state.ts';
import type { HostState, ImageState } from '../../model/host-state.ts';
import { fail, listed, pass, unanswered, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const [id, title] = ['images', 'Images'];

/** As images name what `uname -m` says. */
const platform: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm', s390x: 's390x', ppc64le: 'ppc64le' };

const load = 'bring them as a file: `docker save` on a machine that has them, `docker load` here; or make the registry reachable';
const names = (images: readonly ImageState[]): string => listed(images.map(({ reference }) => reference));

function checkMissing(missing: readonly ImageState[], count: number): Diagnosis {
  const unreachable = missing.filter(({ registry }) => registry !== undefined && isKnown(registry) && !registry.answers);
  const [first] = unreachable;
  if (first?.registry && isKnown(first.registry))
    return fail(
      {
        id,
        title,
        found: `${names(unreachable)} ${unreachable.length === 1 ? 'is' : 'are'} not here, and ${first.registry.host} does not answer (${first.registry.detail})`,
      },
      load,
    );
  const unasked = missing.find(({ registry }) => registry !== undefined && !isKnown(registry));
  if (unasked?.registry && !isKnown(unasked.registry))
    return warn(
      { id, title, found: `${names(missing)} ${missing.length === 1 ? 'is' : 'are'} not here; ${unasked.registry.notKnown}` },
      `try \`docker compose pull\`, or ${load}`,
    );
  const hosts = [...new Set(missing.flatMap(({ registry }) => (registry && isKnown(registry) ? [registry.host] : [])))];
  return pass(
    id,
    title,
    `${count - missing.length} of ${count} are here; the others come from ${listed(hosts)}, which ${hosts.length === 1 ? 'answers' : 'answer'}`,
  );
}

export function checkImages({ images, engine }: HostState): readonly Diagnosis[] {
  if (!isKnown(images)) return [isKnown(engine) ? unseen(id, title, images) : unanswered(id, title)];
  const missing = images.filter(({ architecture }) => architecture === undefined);
  const present =
    missing.length > 0
      ? checkMissing(missing, images.length)
      : pass(id, title, images.length === 1 ? 'the one is here' : `all ${images.length} are here`);
  const wanted = isKnown(engine) ? platform[engine.architecture] : undefined;
  const foreign = images.filter(({ architecture = '' }) => wanted !== undefined && architecture !== '' && architecture !== wanted);
  if (foreign.length === 0) return [present];
  return [
    present,
    fail(
      {
        id: 'architecture',
        title: 'Architecture of images',
        found: `${names(foreign)} ${foreign.length === 1 ? 'is' : 'are'} for ${foreign[0]?.architecture ?? ''}, and this host is ${wanted ?? ''}`,
      },
      `fetch them for this host: \`docker pull --platform linux/${wanted ?? ''} …\` where you save them`,
    ),
  ];
}
