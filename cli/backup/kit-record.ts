import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { BerthError } from '../../model/errors.ts';

/** What the site remembers of its recovery kit. Holds no secret. */
export interface KitRecord {
  readonly version: 1;
  readonly exportedAt: string;
  /** Short name of the public key whose private half is in the kit. */
  readonly escrow: string;
  readonly confirmedAt: string | null;
  /** The backups that were opened then. */
  readonly opened: readonly string[];
}

/** @throws BerthError `io` when it is there and no record. */
export function readKit(file: string): KitRecord | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as KitRecord;
    if (value.version === 1 && typeof value.escrow === 'string' && typeof value.exportedAt === 'string') return value;
  } catch {
    // Said below.
  }
  throw new BerthError(
    'io',
    `${file} cannot be read`,
    'delete it; `berth kit confirm --kit FOLDER` then shows that the kit you have is good',
  );
}

export const writeKit = (file: string, record: KitRecord): void => writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
