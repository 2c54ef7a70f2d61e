/** Where the keys of backups lie in a site, and in a recovery kit, which is laid out like one. */
export const recipientsFolder = 'backup/recipients';
export const signersFile = 'backup/signers.pem';
export const kitFile = 'backup/kit.json';
export const signerFile = 'secrets/backup/signer.key';
export const storeKeyFile = 'secrets/backup/store.key';
/** In the agent's own folder: the private key that it tries restores with. */
export const identityFile = 'identity.key';
/** Beside the copy of the program that an agent runs: what it was copied from. Another text means another program, and the agent starts anew. */
export const programMark = 'program.json';
/** What the runtime remembers between two starts. */
export const stateFolder = '.berth/runtime';

/** Names in the ledger. */
export const signerSecret = 'backup-signer';
export const storeSecret = 'backup-store';
