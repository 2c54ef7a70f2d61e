/** Where the keys of backups lie in a site, and in a recovery kit, which is laid out like one. */
export const recipientsFolder = 'backup/recipients';
/** Of the files there: PEM, or a line for `age -R`. Whoever has a key of each kind has two files of one name. */
export const recipientEndings = { aes256: '.pem', age: '.pub' } as const;
export const signersFile = 'backup/signers.pem';
export const kitFile = 'backup/kit.json';
export const signerFile = 'secrets/backup/signer.key';
export const storeKeyFile = 'secrets/backup/store.key';
/** Not beside the other: agents in containers mount that folder, and who breaks into one must not get to the second place. */
export const offsiteKeyFile = 'secrets/offsite/offsite.key';
/** Beside the copy of the program that an agent runs: what it was copied from. Another text means another program, and the agent starts anew. */
export const programMark = 'program.json';
/** What the runtime remembers between two starts. */
export const stateFolder = '.berth/runtime';

/** Names in the ledger. */
export const signerSecret = 'backup-signer';
export const storeSecret = 'backup-store';
export const offsiteSecret = 'backup-offsite';

/** Where the agent of databases finds itself and what it reads, in its container. */
export const agentPlaces = {
  /** Node, and below dist/ the program. */
  program: '/opt/berth',
  /** With its runtime.yaml. */
  config: '/etc/berth/agent',
  backup: '/etc/berth/backup',
  keys: '/etc/berth/keys',
  authority: '/etc/berth/store-ca.pem',
  /** Files of services, to be read. */
  volumes: '/srv/berth',
} as const;
/** Before a verb for it: the verb ends when its standard input does, whose first line is what it is given, in base64. */
export const attended = 'attended';
/** For `--key`, where it is given so. */
export const givenKey = '/dev/stdin';
export const agentProgram = [`${agentPlaces.program}/node`, `${agentPlaces.program}/dist/berth.js`] as const;
