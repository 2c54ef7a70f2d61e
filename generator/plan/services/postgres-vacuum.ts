import { authorityName } from '../../../model/internal-tls.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { Schedule } from '../../../model/schedule.ts';

export const vacuumName = (database: string): string => `${database}-vacuum`;

/**
 * Sweeps all tables of a database and measures them for the planner, at an hour of the operator's choice: autovacuum does so when there is reason, which may be at noon.
 * As the superuser, like the task that it is made of: the catalogs grow as well, and nobody else may sweep them. One table after the other, as the settings count one such worker.
 */
export const vacuumOf = (
  accounts: PlannedService,
  { name, database }: DatabaseSpec,
  schedule: Schedule,
  sizeOf: (name: string) => Size,
): PlannedService => ({
  ...accounts,
  name: vacuumName(name),
  title: `sweeps and measures the tables of ${name} at ${schedule.cron} (${schedule.timeZone})`,
  kind: 'job',
  schedule,
  deadline: schedule.deadline,
  size: sizeOf(vacuumName(name)),
  entrypoint: [
    '/bin/sh',
    '-c',
    `PGPASSWORD=$(cat "/run/secrets/${name}-admin") exec vacuumdb --analyze --no-password --dbname="$PGDATABASE"`,
  ],
  env: { ...accounts.env, PGDATABASE: database },
  secretFiles: [`${name}-admin`, ...accounts.secretFiles.filter((file) => file === authorityName)],
  mounts: [],
});
