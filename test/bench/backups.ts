import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { asModules, leanImports } from '../../scripts/lean-imports.ts';
import { IMAGES } from '../lab/images.ts';
import { startS3 } from '../lab/s3.ts';
import type { BackupTask } from './backup.child.ts';
import { dumpOf } from './dump.ts';
import { logRows } from './logs.ts';
import { fastest, isThere, median, race, timesOf, type Contestant, type Row, type Times } from './measure.ts';
import { berth, initOf, run } from './sites.ts';

/** MB of SQL. The start of Node counts as ours in every run: of so much it is some hundredths, as of any database that takes long. */
const size = 1200;
/** Of any size of a database, and of an agent that waits. In MB. */
const mostMemory = 256;
const mostIdle = 100;

const lost = (what: string): void => void process.stderr.write(`\n${what}\n\n`);

function writeDump(file: string): void {
  const handle = openSync(file, 'w');
  for (const line of dumpOf(size * 1e6)) writeSync(handle, line);
  closeSync(handle);
}

/** Ours above theirs, where more is better: `least` is what it has to be at least. */
function rows(times: ReadonlyMap<string, Times>, turns: number, name: string, other: string, least?: number): readonly Row[] {
  const [mine, theirs] = [timesOf(times, name), timesOf(times, other)];
  const rate = (each: Times): string => `${((size * 1000) / median(each)).toFixed(0)} MB/s`;
  const cpu = (each: Times): string => `${((each.cpu ?? Number.NaN) / turns / 1000).toFixed(2)} s`;
  const bar = least === undefined ? {} : { least };
  return [
    {
      what: `${name} / ${other}, throughput`,
      ratio: median(theirs) / median(mine),
      fastest: fastest(theirs) / fastest(mine),
      ...bar,
      detail: `${rate(mine)} / ${rate(theirs)}`,
    },
    {
      what: `${name} / ${other}, CPU seconds saved`,
      ratio: (theirs.cpu ?? Number.NaN) / (mine.cpu ?? Number.NaN),
      ...bar,
      detail: `${cpu(mine)} / ${cpu(theirs)} for ${size} MB`,
    },
  ];
}

/** The way of every backup and restore, beside what a shell does with stock tools. */
export async function backupRows(folder: string, program: string, turns: number): Promise<readonly Row[]> {
  const at = (...path: readonly string[]): string => join(folder, 'backups', ...path);
  for (const each of ['keys', 'stock']) mkdirSync(at(each), { recursive: true });
  const dump = at('dump.sql');
  writeDump(dump);
  for (const name of ['operator', 'escrow', 'signer'])
    writeFileSync(
      at('keys', `${name}.key`),
      name === 'signer'
        ? generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
        : generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    );
  // As the built program has it: one file, nothing to be stripped of types, and of Node what is used.
  const agent = at('agent.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'backup.child.ts')],
    outfile: agent,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    ...asModules,
    plugins: [leanImports],
  });
  const argvOf = (task: Omit<BackupTask, 'keys'>): readonly [string, ...string[]] => [
    process.execPath,
    agent,
    JSON.stringify({ ...task, keys: at('keys') } satisfies BackupTask),
  ];
  const emptied = (path: string) => (): void => rmSync(path, { recursive: true, force: true });
  const cipher = `openssl enc -aes-256-ctr -K ${'0a'.repeat(32)} -iv ${'0b'.repeat(16)}`;
  const stored = at('stock', 'dump.sql.zst.enc');
  // The pipe of a process substitution has a name here: no shell waits for such a one, and what nobody waits for is not counted.
  const stock = `cat ${dump} | zstd -q -T2 -3 | tee sum.pipe | ${cipher} >${stored}`;
  const names = {
    backup: 'backup to a folder',
    stockBackup: 'zstd | tee >(sha256sum) | openssl',
    s3: 'backup to S3',
    restic: 'restic --stdin',
    restore: 'restore',
    stockRestore: 'openssl | zstd -dc',
  };
  const resticEnv = `RESTIC_PASSWORD=bench RESTIC_REPOSITORY=${at('restic')} restic --no-cache -q`;
  const withRestic = isThere(['restic', 'version']);
  if (withRestic) {
    run(['sh', '-c', `${resticEnv} init`]);
    cpSync(at('restic'), at('restic.new'), { recursive: true });
  } else lost('NO RESTIC HERE: its row is left out, and its bar was not tested. `apt-get install restic` brings it.');
  const withS3 = isThere(['docker', 'image', 'inspect', IMAGES.minio.reference]);
  if (!withS3) lost('NO S3 SERVER OF THE LAB HERE: its rows are left out. `node test/lab/prepare.ts minio` brings it.');
  await using s3 = withS3 ? await startS3('bench') : undefined;
  const bucket = s3 && { endpoint: s3.options.endpoint.href, accessKey: s3.accessKey, secretKey: s3.secretKey };
  const sink = ['sh', '-c', 'cat >/dev/null'] as const;
  const contestants: readonly Contestant[] = [
    { name: names.stockBackup, argv: ['bash', '-ec', `cd ${at('stock')}; rm -f sum.pipe; mkfifo sum.pipe; sha256sum <sum.pipe >sum & ${stock}; wait`] }, // prettier-ignore
    { name: names.backup, argv: argvOf({ verb: 'backup', argv: ['cat', dump], store: at('store') }), before: emptied(at('store')) },
    ...(bucket ? [{ name: names.s3, argv: argvOf({ verb: 'backup', argv: ['cat', dump], store: bucket }) }] : []),
    ...(withRestic
      ? [
          {
            name: names.restic,
            argv: ['bash', '-ec', `cat ${dump} | ${resticEnv} backup --stdin --stdin-filename dump.sql`] as const,
            before: () => {
              emptied(at('restic'))();
              cpSync(at('restic.new'), at('restic'), { recursive: true });
            },
          },
        ]
      : []),
    { name: names.stockRestore, argv: ['bash', '-ec', `${cipher} -d -in ${stored} | zstd -q -dc | ${sink[0]} -c '${sink[2]}'`] },
    { name: names.restore, argv: argvOf({ verb: 'restore', argv: sink, store: at('store') }) },
  ];
  const times = race(contestants, turns);
  process.stderr.write(`${size} MB of SQL, ${(statSync(stored).size / 1e6).toFixed(0)} MB compressed\n`);
  const peak = (verb: BackupTask['verb'], argv: BackupTask['argv'], store: BackupTask['store']): number =>
    (Number(run(argvOf({ verb, argv, store }))) * 1024) / 1e6;
  const four = [dump, dump, dump, dump] as const;
  const below = (name: string, peaked: number): Row => ({
    what: `${name}: peak memory at ${4 * size} MB / ${mostMemory} MB`,
    ratio: peaked / mostMemory,
    bar: 1,
    detail: `${peaked.toFixed(0)} MB`,
  });
  const memory = (name: string, once: number, fourTimes: number): readonly Row[] => [
    below(name, fourTimes),
    {
      what: `${name}: peak memory at ${4 * size} MB / at ${size} MB`,
      ratio: fourTimes / once,
      bar: 1.15,
      detail: `${fourTimes.toFixed(0)} MB / ${once.toFixed(0)} MB`,
    },
  ];
  const [large, small] = [at('large'), at('small')];
  const taken = [peak('backup', ['cat', dump], small), peak('backup', ['cat', ...four], large)] as const;
  const given = [peak('restore', sink, small), peak('restore', sink, large)] as const;
  const idle = await idleAgent(at('idle'), program);
  const logs = await logRows(lost);
  return [
    ...rows(times, turns, names.backup, names.stockBackup, 0.9),
    // The server is on this machine as well, and takes its share of it.
    ...(bucket ? rows(times, turns, names.s3, names.stockBackup) : []),
    ...(withRestic ? rows(times, turns, names.backup, names.restic, 2) : []),
    ...rows(times, turns, names.restore, names.stockRestore, 0.9),
    ...memory('backup', ...taken),
    ...memory('restore', ...given),
    ...(bucket ? [below(names.s3, peak('backup', ['cat', ...four], bucket))] : []),
    { what: `agent that waits / ${mostIdle} MB`, ratio: idle / mostIdle, bar: 1, detail: `${idle.toFixed(0)} MB` },
    ...logs,
  ];
}

/** MB that the agent of a site's folder holds once it has begun and nothing is due. */
async function idleAgent(folder: string, program: string): Promise<number> {
  mkdirSync(folder);
  const site = join(folder, 'shop');
  const backups = `backups={ folder: ${join(folder, 'store')}, databases: none, buckets: none, configuration: { schedule: "0 0 29 2 *" }, secrets: { schedule: "0 0 29 2 *" } }`;
  run([...initOf(program, site, 'compose'), '--set', backups]);
  run(berth(program, 'backup', 'store', 'create', '--site', site));
  const [command, ...args] = berth(program, 'runtime', '--config', join(site, 'runtime.yaml'));
  const agent = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => agent.once('close', resolve));
  try {
    let said = '';
    const started = (async () => {
      for await (const chunk of agent.stdout) if ((said += String(chunk)).includes('"started"')) return;
      throw new Error(`the agent ended before it began: ${said}`);
    })();
    await started;
    await sleep(3000);
    return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6;
  } finally {
    agent.kill('SIGTERM');
    await ended;
  }
}
