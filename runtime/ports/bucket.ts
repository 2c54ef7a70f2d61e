import type { ObjectAttributes } from '../../model/backup/object-row.ts';
import type { Bytes, HashedBlock } from '../streams/blocks.ts';

/** An object as the list of its bucket has it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Without quotation marks. Another one means other bytes; it is no hash of them that could be relied on. */
  readonly etag: string;
  readonly modified: Date;
}

/** An object that is being read. */
export interface OpenedObject extends ObjectAttributes {
  readonly bytes: number;
  readonly etag: string;
  readonly modified: Date;
  /** Of a bucket that keeps versions. */
  readonly version: string | null;
  /** All of one version, however often the connection breaks off. To be read, or given up by {@link OpenedObject.close}. */
  readonly body: Bytes;
  readonly close: () => void;
}

/**
 * A bucket of users. Keys are theirs: any text. Failures that time can heal are retried inside; what comes out is a BerthError with a cure.
 */
export interface Bucket {
  /** For messages: where it is, without secrets. */
  readonly name: string;
  /** All whose key begins with `prefix`, in the order of the bytes of their keys in UTF-8. */
  readonly list: (prefix: string, signal: AbortSignal) => AsyncIterable<ListedObject>;
  /** @param etag - Only this state of it; without one any. */
  readonly open: (key: string, etag: string | undefined, signal: AbortSignal) => Promise<OpenedObject | 'changed' | 'gone'>;
  /** Writes an object of any length, of at least one part; all but the last must have 5 MiB or more. When the parts fail, nobody ever sees it. */
  readonly write: (key: string, parts: AsyncIterable<HashedBlock>, attributes: ObjectAttributes, signal: AbortSignal) => Promise<void>;
  /** What is not there counts as deleted. */
  readonly delete: (key: string, signal: AbortSignal) => Promise<void>;
}
