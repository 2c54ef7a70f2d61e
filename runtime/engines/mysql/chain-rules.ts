import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { ChainRules } from '../../ports/log-source.ts';
import type { Dialect, LogPlace } from './dialect.ts';

/** Where the log that follows a backup begins; full backups and logs say so alike. */
export const nextPlace = ({ facts }: Manifest): LogPlace => placeIn(facts['next'] as { readonly [name: string]: Json } | undefined);

/** What a log says of where it begins. */
const placeOf = ({ facts }: Manifest): LogPlace => placeIn({ file: facts['file'] ?? null, position: facts['from'] ?? null });

const placeIn = (place: { readonly [name: string]: Json } | undefined): LogPlace => ({
  file: typeof place?.['file'] === 'string' ? place['file'] : '',
  position: Number(place?.['position']),
});

const isSameServer = (one: Manifest, other: Manifest): boolean =>
  one.facts['server'] === other.facts['server'] && one.facts['serverId'] === other.facts['serverId'];

export function mysqlChain({ parse, transaction }: Dialect): ChainRules {
  const held = ({ position }: Manifest) => parse(position.to ?? '');
  return {
    follows: (parent, log) => {
      const next = nextPlace(parent);
      const from = placeOf(log);
      return (
        isSameServer(parent, log) && log.position.from === parent.position.to && next.file === from.file && next.position === from.position
      );
    },
    holdsAllOf: (log, other) => isSameServer(log, other) && held(log).covers(held(other)),
    reaches: (manifest, position) => held(manifest).covers(parse(position)),
    endsAt: (full, position) => held(full).covers(parse(position)) && parse(position).covers(held(full)),
    isAfter: (full, id) => !held(full).has(id),
    comesTo: (log, id) => held(log).has(id),
    transaction,
  };
}
