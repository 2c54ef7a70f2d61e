/** Where the keys of backups lie in a site, and in a recovery kit, which is laid out like one. */
export const recipientsFolder = 'backup/recipients';
export const signersFile = 'backup/signers.pem';
export const kitFile = 'backup/kit.json';
export const signerFile = 'secrets/backup/signer.key';
export const storeKeyFile = 'secrets/backup/store.key';
/** What the runtime remembers between two starts. */
export const stateFolder = '.berth/runtime';

/** Names in the ledger. */
export const signerSecret = 'backup-signer';
export const storeSecret = 'backup-store';
