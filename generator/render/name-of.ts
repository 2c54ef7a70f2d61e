import { createHash } from 'node:crypto';

/** Made of all that is said: what says the same shares its name. */
export const nameOf = (said: object): string => createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 8);
