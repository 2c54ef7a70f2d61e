import { count, fields, oneOf, text, type Shaped } from '../../model/backup/shape.ts';

const leaseShape = fields({
  format: oneOf('berth-lease'),
  version: oneOf(1),
  /** Unique for each process. */
  holder: text(/^[^\p{Cc}]{1,200}$/u, 'a name'),
  epoch: count(1),
  /** Counts the signs of life. */
  beat: count(),
  state: oneOf('held', 'released'),
});

export type LeaseRecord = Shaped<typeof leaseShape>;

export const formatLease = (record: LeaseRecord): Buffer => Buffer.from(`${JSON.stringify(record)}\n`);

/** `undefined` for what is no such record: whoever wrote it does not count as a holder that answers. */
export function parseLease(bytes: Uint8Array): LeaseRecord | undefined {
  try {
    return leaseShape(JSON.parse(Buffer.from(bytes).toString('utf8')), '');
  } catch {
    return undefined;
  }
}
