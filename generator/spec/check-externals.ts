import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

/** Sizes and ways of what runs here. */
const ofOwn = ['cpu', 'memory', 'disk', 'nodes', 'publicHost', 'use', 'topology', 'analytics', 'client', 'edition', 'acceptLicence'];

/** What means nothing for a server that stands elsewhere. */
export function* checkExternals(spec: WrittenSpec): Iterable<Finding> {
  for (const kind of ['databases', 'caches', 'stores'] as const)
    for (const [name, written] of Object.entries(spec[kind] ?? {}) as readonly (readonly [string, Readonly<Record<string, unknown>>])[])
      if (written['external'] !== undefined)
        for (const key of ofOwn)
          if (written[key] !== undefined)
            yield {
              path: [kind, name],
              key,
              message: 'means nothing for a server that stands elsewhere',
              hint: 'remove it; whoever runs that server decides it',
            };
}
