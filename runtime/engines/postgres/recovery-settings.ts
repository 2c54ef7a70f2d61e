import type { RestoreTarget } from '../../ports/scratch-engine.ts';

export interface ScratchPlaces {
  readonly socketFolder: string;
  readonly hbaFile: string;
  readonly identFile: string;
}

const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/**
 * All settings of a scratch server: nothing of the original's own holds there, neither its files nor what ALTER SYSTEM wrote.
 * The log lies in its data folder, so no command copies it from anywhere, and no shell has a name to stumble over; the server insists
 * on a command, and is given one that never finds anything.
 *
 * @param target - `latest` reads to the end of what lies there.
 */
export function scratchSettings({ socketFolder, hbaFile, identFile }: ScratchPlaces, memoryMiB: number, target: RestoreTarget): string {
  const settings: Readonly<Record<string, string>> = {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    hba_file: hbaFile,
    ident_file: identFile,
    max_connections: '100',
    max_wal_senders: '0',
    max_prepared_transactions: '100',
    shared_buffers: `${Math.max(16, Math.floor(memoryMiB / 4))}MB`,
    max_wal_size: '4GB',
    autovacuum: 'off',
    archive_mode: 'off',
    summarize_wal: 'off',
    hot_standby: 'off',
    // Thrown away in any case: what a crash of the host would cost does not matter.
    fsync: 'off',
    full_page_writes: 'off',
    lc_messages: 'C',
    log_timezone: 'UTC',
    logging_collector: 'off',
    log_destination: 'stderr',
    restore_command: 'false',
    recovery_target_timeline: 'current',
    recovery_target_action: 'promote',
    ...targetSettings(target),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoted(value)}\n`)
    .join('');
}

/** Of what ALTER SYSTEM wrote, all but what a server follows another by, or was itself restored by: it would begin that again. */
export const withoutRecovery = (settings: string): string =>
  settings.replaceAll(/^[ \t]*(?:recovery_|restore_command|archive_cleanup_command|primary_).*\n?/gim, '');

function targetSettings(target: RestoreTarget): Readonly<Record<string, string>> {
  switch (target.kind) {
    case 'latest':
      return {};
    case 'time':
      return { recovery_target_time: target.at.toISOString().replace('T', ' ').replace('Z', '+00'), recovery_target_inclusive: 'on' };
    case 'transaction':
      // Of the whole number the log holds the lower half.
      return { recovery_target_xid: String(BigInt(target.id) & 0xffff_ffffn), recovery_target_inclusive: target.inclusive ? 'on' : 'off' };
    case 'position':
      return { recovery_target_lsn: target.position, recovery_target_inclusive: 'off' };
  }
}
