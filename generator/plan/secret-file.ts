import type { SecretFile } from '../../model/planned-secret.ts';

/** A file that holds a secret and nothing else, under its name. */
export const plainFile = (name: string): SecretFile => ({ name, text: [{ secret: name, form: 'plain' }], of: [name] });
