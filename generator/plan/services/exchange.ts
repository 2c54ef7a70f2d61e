import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { DatabaseEngineName } from '../../../model/database-spec.ts';

/** The volume in which a server that writes backups to its own disk alone leaves them for its agent. */
export const exchangeName: string = sqlserver.exchangeVolume;

/** Of a server and of its agent. */
export const exchangeMount = (engine: DatabaseEngineName): NonNullable<PlannedService['shared']>[number] | undefined =>
  engine === 'sqlserver' ? { name: exchangeName, target: sqlserver.exchangeFolder, readOnly: false } : undefined;
