import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { postgres } from '../../../model/engines/postgres.ts';
import type { StandingCommand } from '../../ports/scratch-engine.ts';

/**
 * A server over restored data that stays. Nobody reaches it but by its socket, in its own container, where everybody is let in; it follows nobody, copies nothing from
 * anywhere and is copied by nobody. What ALTER SYSTEM wrote in the original counts for less than a command line.
 *
 * @param memoryMiB - What it may take in all.
 */
export async function standingPostgres(data: string, memoryMiB: number): Promise<StandingCommand> {
  const [config, hba, ident] = ['standing.conf', 'standing.hba', 'standing.ident'].map((name) => join(dirname(data), name));
  if (config === undefined || hba === undefined || ident === undefined) throw new Error('three files');
  // What the data folder has of its own was written for another host.
  await writeFile(config, '');
  await writeFile(hba, 'local all all trust\n');
  await writeFile(ident, '');
  const settings = {
    config_file: config,
    hba_file: hba,
    ident_file: ident,
    listen_addresses: '',
    unix_socket_directories: postgres.socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '50',
    // Transactions that were prepared in the original wait in the data.
    max_prepared_transactions: '100',
    max_wal_senders: '0',
    max_logical_replication_workers: '0',
    // Their shared memory would come from a folder of 64 MiB.
    max_parallel_workers: '0',
    shared_buffers: `${Math.max(16, Math.floor(memoryMiB / 4))}MB`,
    shared_preload_libraries: '',
    archive_mode: 'off',
    ssl: 'off',
    log_destination: 'stderr',
    logging_collector: 'off',
  };
  return ['postgres', '-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
