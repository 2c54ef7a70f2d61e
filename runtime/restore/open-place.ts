import { readFileSync } from 'node:fs';
import { Secret } from '../../model/secret.ts';
import { systemClock } from '../clocks/system-clock.ts';
import type { Store } from '../ports/store.ts';
import { realFiles } from '../stores/folder-files.ts';
import { openFolderStore } from '../stores/folder-store.ts';
import { S3Store } from '../stores/s3/s3-store.ts';
import { misused, type CommandLine } from './command-line.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder or bucket that `--from` names, to be read. */
export async function openPlace({ values }: CommandLine, env: Environment): Promise<Store> {
  const from = values.from ?? '';
  if (!from.startsWith('s3://')) return openFolderStore(from, { mode: 'read', files: realFiles, random: () => '' });
  if (values.endpoint === undefined || !URL.canParse(values.endpoint))
    throw misused('a bucket needs --endpoint URL, such as https://s3.example.com');
  const accessKeyId = env['S3_ACCESS_KEY_ID'];
  const secret = env['S3_SECRET_ACCESS_KEY'];
  if (accessKeyId === undefined || secret === undefined)
    throw misused('a bucket needs the variables S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY');
  return new S3Store({
    endpoint: new URL(values.endpoint),
    bucket: from.slice('s3://'.length).replace(/\/$/, ''),
    region: values.region ?? 'us-east-1',
    pathStyle: values['virtual-host'] !== true,
    credentials: async () => ({ accessKeyId, secretAccessKey: new Secret(secret) }),
    ...(values.ca !== undefined && { ca: readFileSync(values.ca, 'utf8') }),
    clock: systemClock,
    random: Math.random,
    idleMs: 60_000,
    patienceMs: 300_000,
  });
}
