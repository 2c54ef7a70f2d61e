import { createHash } from 'node:crypto';
import { BerthError } from '../../../model/errors.ts';
import { parseLsn, type Lsn } from './lsn.ts';

/** What the server itself says of a base backup, in `backup_manifest`. */
export interface BaseManifest {
  readonly timeline: number;
  /** From here the log is read by a restore. */
  readonly start: Lsn;
  /** From here on the copy is consistent. */
  readonly end: Lsn;
  readonly files: number;
  readonly bytes: number;
}

interface Written {
  readonly 'Files': readonly { readonly Size: number }[];
  readonly 'WAL-Ranges': readonly { readonly 'Timeline': number; readonly 'Start-LSN': string; readonly 'End-LSN': string }[];
  readonly 'Manifest-Checksum': string;
}

/** @throws BerthError `damaged` when it is not whole, or spans a promotion. */
export function readBaseManifest(bytes: Uint8Array): BaseManifest {
  const text = Buffer.from(bytes);
  const lastLine = text.lastIndexOf('\n', -2) + 1;
  const written = parse(text);
  const hash = createHash('sha256').update(text.subarray(0, lastLine)).digest('hex');
  if (written['Manifest-Checksum'] !== hash) throw broken('its own checksum does not fit');
  const [range, ...others] = written['WAL-Ranges'];
  if (range === undefined || others.length > 0) throw broken('the server changed its timeline meanwhile');
  return {
    timeline: range.Timeline,
    start: parseLsn(range['Start-LSN']),
    end: parseLsn(range['End-LSN']),
    files: written.Files.length,
    bytes: written.Files.reduce((sum, { Size }) => sum + Size, 0),
  };
}

function parse(text: Buffer): Written {
  try {
    return JSON.parse(text.toString('utf8')) as Written;
  } catch (error) {
    throw broken('it is not JSON', { cause: error });
  }
}

const broken = (what: string, options?: ErrorOptions): BerthError =>
  new BerthError(
    'damaged',
    `the manifest of the base backup cannot be relied on: ${what}`,
    'it is tried again; if that goes on, see the log of the server',
    options,
  );
