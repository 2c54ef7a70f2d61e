import { createPrivateKey, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { manifestPrefix } from '../../model/backup/layout.ts';
import { Secret } from '../../model/secret.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { backup } from '../../runtime/jobs/backup.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { openBackup } from '../../runtime/jobs/open-backup.ts';
import { usualLayout } from '../../runtime/jobs/upload-stream.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { localPrograms } from '../../runtime/programs/local-programs.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { S3Store } from '../../runtime/stores/s3/s3-store.ts';

/**
 * What an agent does with the output of a dump tool, and no database around it: `backup` copies what a program writes, `restore` gives the
 * newest copy to a program. Prints the most memory that it had, in KiB. Bundled and started by backups.ts.
 */
export interface BackupTask {
  readonly verb: 'backup' | 'restore';
  /** The dump tool, or the client that reads what it wrote. */
  readonly argv: readonly [string, ...string[]];
  /** A folder, or a bucket. */
  readonly store: string | { readonly endpoint: string; readonly accessKey: string; readonly secretKey: string };
  /** A folder with operator.key, escrow.key and signer.key. */
  readonly keys: string;
}

/** As the runtime has it. */
const width = 3;
const place = { site: 'bench', source: 'database' };
const task = JSON.parse(process.argv[2] ?? '') as BackupTask;
const programs = localPrograms(process.env);
const never = new AbortController().signal;
const keyOf = (name: string): KeyObject => createPrivateKey(readFileSync(`${task.keys}/${name}.key`, 'utf8'));

async function openStore({ store }: BackupTask): Promise<Store> {
  if (typeof store === 'string')
    return openFolderStore(store, { mode: 'create', files: realFiles, random: () => randomBytes(8).toString('hex') });
  return new S3Store({
    endpoint: new URL(store.endpoint),
    bucket: 'backups',
    region: 'us-east-1',
    pathStyle: true,
    credentials: async () => ({ accessKeyId: store.accessKey, secretAccessKey: new Secret(store.secretKey) }),
    clock: systemClock,
    random: Math.random,
    idleMs: 60_000,
    patienceMs: 120_000,
  });
}

async function take(store: Store): Promise<void> {
  const privateKey = keyOf('signer');
  const dump = programs.start({ argv: task.argv }, never);
  await backup(
    { place, kind: 'full', after: null, label: null, scheduledFor: null, newestId: undefined },
    {
      store,
      producer: {
        engine: 'postgres',
        open: async () => ({
          streams: (async function* () {
            yield { name: 'dump.sql', bytes: dump.output };
            await dump.ended;
          })(),
          finish: async () => ({ position: { from: null, to: null }, facts: {}, tool: { name: 'cat', version: '0', image: null } }),
          [Symbol.asyncDispose]: async () => dump[Symbol.asyncDispose](),
        }),
      },
      lease: { epoch: 1, lost: never, confirm: async () => undefined, release: async () => undefined },
      recipients: ['operator', 'escrow'].map((name) => ({ name, key: createPublicKey(keyOf(name)) })),
      suite: 'aes256',
      signer: { privateKey, publicKey: createPublicKey(privateKey) },
      clock: systemClock,
      random: randomBytes,
      layout: usualLayout,
      width,
      berth: '0',
    },
    never,
  );
}

async function give(store: Store): Promise<void> {
  const { manifests } = await readCatalogue(store, manifestPrefix(place), [createPublicKey(keyOf('signer'))], never);
  const newest = manifests.at(-1);
  const stream = newest?.streams[0];
  if (newest === undefined || stream === undefined) throw new Error('there is no backup');
  const open = await openBackup(store, newest, keyOf('operator'), width, never);
  await using client = programs.start({ argv: task.argv, input: open(stream) }, never);
  for await (const _ of client.output);
}

const verbs = { backup: take, restore: give };
await verbs[task.verb](await openStore(task));
const [, peak = ''] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
process.stdout.write(peak);
