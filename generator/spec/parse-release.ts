import { imageReference, splitImage } from '../../model/names.ts';
import { slots, writtenRelease } from '../../model/release.ts';
import type { WrittenRelease } from '../../model/release.ts';
import { servedOf } from '../../model/stack-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import type { Finding } from './finding.ts';
import { suggest } from './describe-issue.ts';
import { parseDocumentAs } from './parse-spec.ts';
import type { Parsed } from './parse-spec.ts';

/** Which of two versions brings the schema, nobody can guess. */
function* checkMigrations(name: string, service: WrittenRelease['services'][string], spec: StackSpec): Iterable<Finding> {
  const { blue, green, migrations } = service;
  const path = ['services', name];
  if (!spec.services.some((app) => app.name === name && app.migrate)) {
    if (migrations !== undefined) yield { path, key: 'migrations', message: `${name} has no migrations in berth.yaml`, hint: 'remove it' };
  } else if (migrations === undefined && blue && green && blue.image !== green.image)
    yield {
      path,
      message: `which of the two images brings the schema up to date?`,
      hint: 'add migrations: with the slot of the newer one, or none',
    };
  else if (migrations !== undefined && migrations !== 'none' && !service[migrations])
    yield { path: [...path, 'migrations'], message: `slot ${migrations} is empty`, hint: 'name the slot that is filled' };
}

function* check(release: WrittenRelease, spec: StackSpec): Iterable<Finding> {
  const known = servedOf(spec).map((service) => service.name);
  for (const [name, service] of Object.entries(release.services)) {
    if (!known.includes(name)) {
      const near = suggest(name, known);
      yield {
        path: ['services'],
        key: name,
        message: spec.services.some((app) => app.name === name)
          ? `${name} has no slots: berth.yaml says what it runs`
          : `berth.yaml has no service "${name}"`,
        ...(near ? { hint: `did you mean "${near}"?` } : { hint: 'remove it here, or add it to berth.yaml' }),
      };
    }
    const filled = slots.flatMap((slot) => {
      const found = service[slot];
      return found ? [{ slot, ...found }] : [];
    });
    for (const { slot, image } of filled) {
      const { tag, digest } = splitImage(image);
      if (!imageReference.test(image) || tag === 'latest' || (tag === undefined && digest === undefined))
        yield {
          path: ['services', name, slot, 'image'],
          message: `expected an image with a tag that names one version, got ${JSON.stringify(image)}`,
          hint: 'for example registry.example/app:1.4.2',
        };
    }
    for (const { slot, weight, replicas } of filled)
      if (weight > 0 && replicas === 0)
        yield {
          path: ['services', name, slot, 'replicas'],
          message: `${slot} takes ${weight} % of the traffic with no replica`,
          hint: 'give it a replica, or weight 0',
        };
    yield* checkMigrations(name, service, spec);
    const sum = filled.reduce((total, { weight }) => total + weight, 0);
    if (filled.length > 0 && sum !== 100 && sum !== 0)
      yield {
        path: ['services', name],
        message: `the weights of the slots add up to ${Number(sum.toFixed(3))}`,
        hint: 'make them add up to 100, or all 0 for the maintenance page',
      };
  }
}

/** release.yaml → which slot runs what, or every problem at once. */
export const parseRelease = (bytes: Uint8Array, file: string, spec: StackSpec): Parsed<WrittenRelease> =>
  parseDocumentAs(bytes, file, writtenRelease, (release) => [...check(release, spec)]);
