import { createHash } from 'node:crypto';

/** sha256 in hex; a text and its UTF-8 bytes have the same hash. */
export const contentHash = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
