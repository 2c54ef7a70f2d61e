import { BerthError } from '../../../model/errors.ts';
import type { Session } from './session.ts';

/** Which server it is that answers, and the facts that a restore depends on. */
export interface Identity {
  /** Drawn when the data folder was made; a copy of it has the same. */
  readonly systemIdentifier: string;
  /** Rises when a standby takes over, and with each restore. */
  readonly timeline: number;
  readonly version: string;
  readonly segmentBytes: number;
  readonly checksums: boolean;
  /** The administrator that the data folder was made with. */
  readonly superuser: string;
}

const question = `SELECT (SELECT system_identifier FROM pg_control_system())::text AS "systemIdentifier",
  pg_is_in_recovery()::text AS recovering,
  CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
  current_setting('server_version') AS version,
  (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS "segmentBytes",
  current_setting('data_checksums') AS checksums,
  (SELECT rolname FROM pg_roles WHERE oid = 10) AS superuser`;

export async function identify(session: Session): Promise<Identity> {
  const found = await session.row(question);
  if (found['recovering'] === 'true')
    throw new BerthError('unsupported', 'this server is a standby', 'give the backups the address of the primary');
  return {
    systemIdentifier: String(found['systemIdentifier']),
    timeline: Number.parseInt(String(found['timeline']), 16),
    version: String(found['version']).split(' ')[0] ?? '',
    segmentBytes: Number(found['segmentBytes']),
    checksums: found['checksums'] === 'on',
    superuser: String(found['superuser']),
  };
}
