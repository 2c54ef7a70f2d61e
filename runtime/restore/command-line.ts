import { parseArgs } from 'node:util';
import { BerthError } from '../../model/errors.ts';

export const usage = `Restores backups that Berth made, without Berth: from a folder or a bucket, with Node 22.15 or newer and nothing else.

  node restore.mjs list  --from PLACE [--prefix v1/SITE/SOURCE/]
  node restore.mjs check ID --from PLACE
  node restore.mjs get   ID --from PLACE --key PRIVATE.key --out FOLDER [--only] [--objects PREFIX]
  node restore.mjs cat   ID STREAM --from PLACE --key PRIVATE.key

list   shows what there is, and what each backup rests on
check  compares every byte of a backup, and of those it rests on, with its signed manifest; needs no key
get    writes the files of a backup and of those it rests on, each into a folder of its own, in the order to restore them in;
       --only takes the backup alone. Of a bucket: its list, and its objects as files; --objects those whose keys begin so
cat    writes one file of one backup to standard output

  --from PLACE       /path/to/folder, or s3://BUCKET with --endpoint URL and the variables S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY
  --endpoint URL     https://s3.example.com
  --region NAME      us-east-1 without it
  --ca FILE          the certificate authority of the endpoint, PEM
  --virtual-host     the bucket is part of the host name, as with AWS
  --key FILE         the private key of one recipient, PEM or AGE-SECRET-KEY-1…; its passphrase, where it has one, in the variable BERTH_KEY_PASSPHRASE
  --signer FILE      the public key of who signed the manifests, PEM; more than one may be given
  --any-signer       believe manifests without that key: whoever could write to the store could have made them
  --prefix TEXT      look only at keys that begin so
`;

const options = {
  'from': { type: 'string' },
  'endpoint': { type: 'string' },
  'region': { type: 'string' },
  'ca': { type: 'string' },
  'virtual-host': { type: 'boolean' },
  'key': { type: 'string' },
  'signer': { type: 'string', multiple: true },
  'any-signer': { type: 'boolean' },
  'prefix': { type: 'string' },
  'out': { type: 'string' },
  'only': { type: 'boolean' },
  'objects': { type: 'string' },
  'help': { type: 'boolean' },
} as const;

/** How many words follow each verb. */
const verbs = { list: 0, check: 1, get: 1, cat: 2 } as const;
type Verb = keyof typeof verbs;

export interface CommandLine {
  readonly verb: Verb | 'help';
  readonly words: readonly string[];
  readonly values: Readonly<ReturnType<typeof parse>['values']>;
}

const parse = (args: readonly string[]) => parseArgs({ args: [...args], options, allowPositionals: true, strict: true });

export const misused = (what: string): BerthError => new BerthError('usage', what, 'node restore.mjs --help shows how it is used');

/** @throws BerthError `usage`. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = tryParse(args);
  const [verb = '', ...words] = positionals;
  if (values.help === true || (verb === '' && args.length === 0)) return { verb: 'help', words, values };
  if (!isVerb(verb)) throw misused(verb === '' ? 'no command' : `there is no command ${verb}`);
  if (words.length !== verbs[verb]) throw misused(`${verb} takes ${verbs[verb]} words, and there are ${words.length}`);
  for (const name of verb === 'list' || verb === 'check'
    ? (['from'] as const)
    : verb === 'cat'
      ? (['from', 'key'] as const)
      : (['from', 'key', 'out'] as const))
    if (values[name] === undefined) throw misused(`${verb} needs --${name}`);
  if (values.signer === undefined && values['any-signer'] !== true)
    throw misused('whose manifests are to be believed? --signer FILE, or --any-signer');
  return { verb, words, values };
}

const isVerb = (text: string): text is Verb => Object.hasOwn(verbs, text);

function tryParse(args: readonly string[]): ReturnType<typeof parse> {
  try {
    return parse(args);
  } catch (error) {
    throw misused(error instanceof Error ? error.message : String(error));
  }
}
