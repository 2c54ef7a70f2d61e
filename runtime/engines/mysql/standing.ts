import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import type { StandingCommand } from '../../ports/scratch-engine.ts';
import type { Dialect } from './dialect.ts';

/**
 * A server over restored data that stays. Nobody reaches it but by its socket, in its own container, where everybody is let in, whoever the accounts of the backup are;
 * it follows nobody, writes no log and runs no events, which would go on with what they do to the data.
 *
 * @param lowerCase - As the original had it: of MySQL the data are of no use to a server that has it otherwise.
 * @param memoryMiB - What it may take in all.
 */
export async function standingMysql(
  { programs, standing }: Pick<Dialect, 'programs' | 'standing'>,
  data: string,
  lowerCase: string,
  memoryMiB: number,
): Promise<StandingCommand> {
  // On the disk: /tmp lies in memory, and would have to hold every large sort.
  const temporary = join(dirname(data), 'standing-tmp');
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  return [
    programs.server,
    '--no-defaults',
    `--datadir=${data}`,
    `--socket=${mysqlFamily.socketFile}`,
    `--pid-file=${mysqlFamily.socketFolder}/standing.pid`,
    `--tmpdir=${temporary}`,
    `--lower-case-table-names=${lowerCase}`,
    '--skip-networking',
    '--skip-name-resolve',
    '--skip-grant-tables',
    '--event-scheduler=OFF',
    '--max-allowed-packet=1G',
    '--performance-schema=OFF',
    `--innodb-buffer-pool-size=${Math.max(32, Math.floor(memoryMiB / 2))}M`,
    ...standing,
  ];
}
