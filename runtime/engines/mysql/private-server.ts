import { join } from 'node:path';
import type { Program } from '../../ports/program.ts';
import type { Dialect } from './dialect.ts';
import type { Identity } from './identity.ts';

/** Where a server of our own has its files. */
export interface PrivatePlace {
  /** For all but its data. A folder `tmp` is there. */
  readonly folder: string;
  readonly data: string;
  readonly socket: string;
}

/** A number that no other server has: it would leave out what it had written itself. */
const serverId = 4_294_967_001;

/**
 * A server that only its socket leads to. It writes without waiting for the disk: what a crash of the host would cost it does not matter.
 *
 * @param of - The server whose data these are.
 * @param more - Holds where it says otherwise.
 */
export function privateServer(
  { programs, scratch }: Dialect,
  { folder, data, socket }: PrivatePlace,
  of: Pick<Identity, 'lowerCaseTableNames' | 'characterSet' | 'collation'>,
  memoryMiB: number,
  more: readonly string[] = [],
): Program['argv'] {
  const settings: Readonly<Record<string, string>> = {
    'datadir': data,
    'socket': socket,
    'pid-file': join(folder, 'pid'),
    'tmpdir': join(folder, 'tmp'),
    'server-id': String(serverId),
    'relay-log': 'relay',
    'lower-case-table-names': of.lowerCaseTableNames,
    'character-set-server': of.characterSet,
    'collation-server': of.collation,
    'default-time-zone': '+00:00',
    'event-scheduler': 'OFF',
    'log-bin-trust-function-creators': '1',
    'max-allowed-packet': '1G',
    'performance-schema': 'OFF',
    'innodb-buffer-pool-size': `${Math.max(32, Math.floor(memoryMiB / 2))}M`,
    'innodb-flush-log-at-trx-commit': '0',
    'innodb-doublewrite': 'OFF',
    'innodb-fast-shutdown': '2',
  };
  const argv = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  return [programs.server, '--no-defaults', '--skip-networking', '--skip-name-resolve', ...argv, ...scratch.serverArguments, ...more];
}
