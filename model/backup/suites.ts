/**
 * How the data of a backup are encrypted, and by which kind of key those are opened who may read it: AES-256 and RSA, which `openssl` knows, or what the
 * program `age` writes and opens by itself.
 */
export const suiteNames = ['aes256', 'age'] as const;
export type SuiteName = (typeof suiteNames)[number];

/** Where nothing else is said. */
export const usualSuite: SuiteName = 'aes256';
