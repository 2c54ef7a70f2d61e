import { createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { kitFile } from '../../model/backup/site-files.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { suiteNames, usualSuite, type SuiteName } from '../../model/backup/suites.ts';
import { agentName, isOfAge, keyIdOf } from '../../runtime/format/keys.ts';
import { readKeyFiles } from '../../runtime/jobs/key-files.ts';
import { readIdentity, readPublicKeys, readRecipients } from '../../runtime/keys/read-keys.ts';
import { lookAgain } from '../../runtime/look-again.ts';
import { recorderOf } from './verify.ts';
import { openCatalogue } from '../open-catalogue.ts';
import { shortName } from './text.ts';
import {
  drawRecipient,
  passphraseVariable,
  recipientFile,
  recipientFileName,
  refuseInside,
  writeNewFile,
  writePublicKey,
} from './key-pairs.ts';
import { readKit, writeKit } from './kit-record.ts';
import { progressOn } from '../progress.ts';
import { readRuntime, worldOf, type FoundRuntime } from '../runtime-config.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { table, typed } from '../text.ts';

interface Asked {
  readonly site: string;
  readonly json: boolean;
}

const escrowName = 'escrow';
export const escrowKeyFile = 'escrow.key';

const suiteIn = ({ config }: FoundRuntime): SuiteName => config.backups.suite ?? usualSuite;

/** Where the public half of a recipient is in the site. */
const fileIn = ({ config, folder }: FoundRuntime, name: string, suite: SuiteName): string =>
  join(folder, config.backups.recipients, recipientFileName(name, suite));

interface KeysAsked extends Asked {
  readonly name: string;
  readonly into: string;
}

/** A pair for somebody who may open backups: the private half goes elsewhere, the public half into the site. */
export async function createKeys({ site, json, name, into }: KeysAsked, context: RuntimeContext): Promise<void> {
  const found = readRuntime(join(site, 'runtime.yaml'));
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    throw new BerthError('usage', `${name} is no name of a recipient`, 'write small letters, digits and -, such as operator');
  if (name === escrowName)
    throw new BerthError('usage', 'the key escrow belongs into the recovery kit', 'run `berth kit export --into FOLDER`, which draws it');
  if (name === agentName)
    throw new BerthError(
      'usage',
      `${agentName} is the name of the keys that agents draw for themselves`,
      'take another --name, such as operator',
    );
  refuseInside(found.folder, into);
  const suite = suiteIn(found);
  const publicFile = fileIn(found, name, suite);
  if (existsSync(publicFile))
    throw new BerthError(
      'conflict',
      `${name} has a key already: ${publicFile}`,
      'take another --name; or, to replace a key, delete that file first: what was made for the old one stays open to the old one alone',
    );
  // Read before anything is written: a file among them that is no key is told of, and no half of a pair stays behind.
  const others = readRecipients(join(found.folder, found.config.backups.recipients));
  const passphrase = context.env[passphraseVariable];
  const pair = await drawRecipient(suite, passphrase, context.random);
  const privateFile = join(into, `${found.config.site}-${name}${suite === usualSuite ? '' : `-${suite}`}.key`);
  writeNewFile(privateFile, pair.privateKey, 0o600, 'name another folder, or move that file away if it is of no use');
  writePublicKey(publicFile, pair.publicKey, 'run the command again with another --name');
  const recipients = [...others, { name, key: pair.key }].sort((one, other) => (one.name < other.name ? -1 : 1));
  const key = keyIdOf(pair.key);
  if (json)
    return context.out(
      `${JSON.stringify({ site, name, key, privateKey: privateFile, publicKey: publicFile, encrypted: passphrase !== undefined }, null, 2)}\n`,
    );
  const rows = [
    [
      'private key',
      `${privateFile}, ${passphrase === undefined ? `not encrypted; ${passphraseVariable} would have been its passphrase` : 'encrypted'}`,
    ],
    ['public key', publicFile],
    ['recipients', recipients.map((each) => each.name).join(', ')],
  ];
  context.out(
    `${table(rows)}\n\n→ keep ${typed(privateFile)} away from this host: with it, and only with it, ${name} opens what is made from now on\n${
      recipients.filter((each) => isOfAge(each.key) === isOfAge(pair.key)).length < 2
        ? '→ backups need a second recipient: berth kit export --into FOLDER\n'
        : ''
    }`,
  );
}

interface ExportAsked extends Asked {
  readonly into: string;
  readonly anew: boolean;
}

/** Everything that brings the site back on an empty host, but the backups themselves and Berth. */
export async function exportKit({ site, json, into, anew }: ExportAsked, context: RuntimeContext): Promise<void> {
  const found = readRuntime(join(site, 'runtime.yaml'));
  const { config, folder } = found;
  refuseInside(folder, into);
  if (existsSync(into) && readdirSync(into).length > 0)
    throw new BerthError('conflict', `${into} is not empty`, 'name a folder that is not there yet: a kit is one folder and nothing else');
  const { instructions } = worldOf(context);
  const record = join(folder, kitFile);
  const before = readKit(record);
  const suite = suiteIn(found);
  const publicFile = fileIn(found, escrowName, suite);
  const draws = anew || !existsSync(publicFile);
  const pair = draws ? await drawRecipient(suite, context.env[passphraseVariable], context.random) : undefined;
  const publicKey = pair?.publicKey ?? readFileSync(publicFile, 'utf8');
  const { recipients, signers, store, offsite } = config.backups;
  // Read before anything is written, as above.
  const others = readRecipients(join(folder, recipients)).map(recipientFile);
  const put = (path: string, content: string | Uint8Array, mode = 0o600): void =>
    writeNewFile(join(into, path), content, mode, 'name a folder that is not there yet');
  if (pair) put(escrowKeyFile, pair.privateKey);
  put('runtime.yaml', readFileSync(join(folder, 'runtime.yaml')));
  put(signers, readFileSync(join(folder, signers)));
  const buckets = [store.bucket, offsite?.bucket].filter((bucket) => bucket !== undefined);
  const copied = [...new Set(buckets.flatMap(({ ca, secretKey }) => [...(ca === undefined ? [] : [ca]), secretKey]))];
  for (const path of copied) if (existsSync(join(folder, path))) put(path, readFileSync(join(folder, path)));
  for (const [name, content] of others) if (name !== recipientFileName(escrowName, suite)) put(`${recipients}/${name}`, content);
  put(`${recipients}/${recipientFileName(escrowName, suite)}`, publicKey);
  for (const [name, content] of instructions) put(name, content);
  put('KIT.md', describeKit(found, pair !== undefined, before?.exportedAt, context));
  // The site learns of the key last: until then nothing is made for a key that nobody has.
  if (pair) {
    rmSync(publicFile, { force: true });
    writePublicKey(publicFile, publicKey, 'run the command again');
    writeKit(record, { version: 1, exportedAt: context.now().toISOString(), escrow: keyIdOf(pair.key), confirmedAt: null, opened: [] });
  }
  const files = ['KIT.md', ...(pair ? [escrowKeyFile] : []), 'runtime.yaml', signers, ...copied, 'RESTORE.md', 'restore.mjs'];
  if (json) return context.out(`${JSON.stringify({ site, kit: into, files, escrowKey: pair !== undefined }, null, 2)}\n`);
  context.out(
    `${into} holds the recovery kit of ${config.site}: ${files.join(', ')}.\n${
      pair
        ? `${escrowKeyFile} is given out this once and is nowhere else. ${context.env[passphraseVariable] === undefined ? `It is not encrypted; ${passphraseVariable} would have been its passphrase.` : 'It is encrypted.'}\n`
        : `The escrow key was given out${before ? ` on ${before.exportedAt.slice(0, 10)}` : ''} and is not in here: keep it beside this. --anew draws another.\n`
    }\n${pair ? '' : `→ put ${escrowKeyFile} of the kit before into ${typed(into)}; without it nothing can be confirmed\n`}→ berth backup now, then berth kit confirm --kit ${typed(into)}\n→ then put it where neither a fire nor a thief at this host reaches it\n`,
  );
}

function describeKit(found: FoundRuntime, withKey: boolean, given: string | undefined, context: RuntimeContext): string {
  const { config } = found;
  const { store, offsite } = config.backups;
  const placeOf = ({ bucket, folder }: typeof store): string =>
    bucket ? `bucket ${bucket.name} at ${bucket.endpoint}, as ${bucket.accessKey}` : `folder ${folder ?? ''}`;
  const accounts = [store, ...(offsite ? [offsite] : [])].flatMap(({ bucket }) =>
    bucket
      ? [
          `- \`${bucket.secretKey}\` is the secret key of ${bucket.accessKey} at ${bucket.endpoint}. An account that may only read is enough here: put its name into \`runtime.yaml\` and its key into that file.\n`,
        ]
      : [],
  );
  const withData = config.target === 'compose';
  return `# Recovery kit of ${config.site}

Made on ${context.now().toISOString().slice(0, 10)} by Berth ${worldOf(context).berth}, for Node ${process.versions.node.split('.')[0] ?? ''} or newer. Whoever has it can read every backup of the site.

- Backups lie in ${placeOf(store)}.${offsite ? ` Copies of them lie in ${placeOf(offsite)}: add \`--from offsite\` to what stands below.` : ''}
- ${withKey ? `\`${escrowKeyFile}\` opens them.` : `The key that opens them is not in here: \`${escrowKeyFile}\` was given out${given ? ` on ${given.slice(0, 10)}` : ' before'}. Put it beside this page.`}${otherKit(found)}
- \`${config.backups.signers}\` tells real ones from made-up ones.
${accounts.join('')}
## The site on an empty host

With Berth installed, in this folder:

    berth backup list
    berth restore --latest ${withData ? '--with-data ' : ''}--into /srv/${config.site}
${withData ? '\nThe second brings the folder and all data back and starts everything; `--dry-run` only says what it would do, and without `--with-data` it is the folder alone.\n' : ''}
Without Berth, with Node alone: \`node restore.mjs --help\`. Without Node, with a shell: \`RESTORE.md\`.
`;
}

/** After a change of the suite there is another kit, whose key opens what was made until then. */
function otherKit(found: FoundRuntime): string {
  const other = suiteNames.find((suite) => suite !== suiteIn(found) && existsSync(fileIn(found, escrowName, suite)));
  return other === undefined
    ? ''
    : ` What was made when the suite was ${other} opens with the key of the kit of then, until \`berth backup keys rotate\` has it open with this one.`;
}

interface ConfirmAsked extends Asked {
  readonly kit: string;
}

/** Shows that a kit opens what there is: the newest backup of every source, to its last byte. */
export const confirmKit = ({ site, json, kit }: ConfirmAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { folder, store, catalogue, config, world } = await openCatalogue(site, context, signal);
    if (existsSync(kit) && !existsSync(join(kit, escrowKeyFile)))
      throw new BerthError(
        'usage',
        `${kit} has no ${escrowKeyFile}`,
        'put the key there that was given out with the first kit, or draw another with `berth kit export --anew --into FOLDER`',
      );
    const identity = readIdentity(join(kit, escrowKeyFile), context.env[passphraseVariable]);
    const trustedThere = readPublicKeys(join(kit, config.backups.signers)).map(keyIdOf);
    const missing = readPublicKeys(join(folder, config.backups.signers))
      .map(keyIdOf)
      .find((key) => !trustedThere.includes(key));
    if (missing !== undefined)
      throw new BerthError(
        'stale',
        `the kit does not know signer ${missing}, who signs now`,
        'export a new kit with `berth kit export --into FOLDER`, and keep the escrow key of this one',
      );
    // Of a bucket its newest list, and the newest of what that is about.
    const newest = [...new Map(catalogue.manifests.map((one) => [`${one.source} ${one.kind === 'contents'}`, one])).values()];
    if (newest.length === 0)
      throw new BerthError('usage', `there is nothing in ${store.name} that the kit could open`, 'run `berth backup now` first');
    using progress = progressOn(context, json);
    for (const manifest of newest) await refuseOthers(store, manifest, identity, signal);
    const heard = (bytes: number): void => progress.say(`${describeBytes(bytes)} opened`);
    const recorder = recorderOf(config.backups.signer, folder, store, world);
    const { broken } = await lookAgain(newest, { store, identity, heard, recorder }, signal);
    const [bad] = broken;
    if (bad)
      throw new BerthError(
        'damaged',
        `${bad.id} cannot be opened: ${bad.message}`,
        'make another with `berth backup now`, then run this again',
      );
    progress[Symbol.dispose]();
    const record = join(folder, kitFile);
    const escrow = keyIdOf(createPublicKey(identity));
    const confirmedAt = context.now().toISOString();
    writeKit(record, {
      version: 1,
      exportedAt: readKit(record)?.exportedAt ?? confirmedAt,
      escrow,
      confirmedAt,
      opened: newest.map(({ id }) => id),
    });
    if (json) return context.out(`${JSON.stringify({ site, kit, confirmedAt, opened: newest.map(({ id }) => id) }, null, 2)}\n`);
    context.out(
      `${table(
        newest.map(({ source, id, streams }) => [
          shortName(source),
          id,
          describeBytes(streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0)),
          'opened',
        ]),
        [2],
      )}\n\nThe kit opens the newest backups. Now put it away.\n`,
    );
  });

/** A backup that was made before the kit was. */
async function refuseOthers(
  store: Parameters<typeof readKeyFiles>[0],
  manifest: Manifest,
  identity: KeyObject,
  signal: AbortSignal,
): Promise<void> {
  const files = await readKeyFiles(store, manifest, signal);
  const own = keyIdOf(createPublicKey(identity));
  if (files.some(({ wraps }) => wraps.some(({ recipient }) => recipient === own))) return;
  throw new BerthError(
    'stale',
    `${shortName(manifest.source)} ${manifest.id} was not made for the key of this kit`,
    'make one that is, with `berth backup now --label kit`, then run this again; or take the newest kit',
  );
}
