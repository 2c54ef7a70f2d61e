import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { backupRows } from './backups.ts';
import { fastest, isThere, median, missed, race, spread, timesOf } from './measure.ts';
import type { Contestant, Row, Times } from './measure.ts';
import { fewer, reportOf } from './report.ts';
import { berth, changeSetting, initOf, makeLargeSite, run } from './sites.ts';
import type { Target } from './sites.ts';

/**
 * `npm run bench [-- --json] [-- --turns N] [-- --only generate|backups]`: how fast the built program is, in ratios that are measured side by side in one run.
 * Ends with 1 when a bar is missed. Nothing else should be at work on the machine: the bars are for one that is idle.
 */
const { values: options } = parseArgs({
  options: {
    'json': { type: 'boolean', default: false },
    'turns': { type: 'string', default: '11' },
    'no-build': { type: 'boolean', default: false },
    /** One half alone. */
    'only': { type: 'string' },
  },
});
const turns = Number(options.turns);
if (options.only !== undefined && !['generate', 'backups'].includes(options.only)) throw new Error('--only takes generate or backups');
const targets: readonly Target[] = ['compose', 'kubernetes'];
const root = join(import.meta.dirname, '..', '..');
const program = join(root, 'cli', 'berth.js');
const bare: Contestant = { name: 'bare start of Node', argv: [process.execPath, '-e', '0'] };

const milliseconds = (times: Times): string => {
  const [low, high] = spread(times);
  return `${median(times).toFixed(0)} ms (${low.toFixed(0)}–${high.toFixed(0)})`;
};

/** One contestant against another, as a row; both ran in the same turns. */
function against(times: ReadonlyMap<string, Times>, name: string, other: string, bar?: number): Row {
  const [mine, yours] = [timesOf(times, name), timesOf(times, other)];
  return {
    what: `${name} / ${other}`,
    ratio: median(mine) / median(yours),
    fastest: fastest(mine) / fastest(yours),
    ...(mine.cpu && yours.cpu ? { cpu: mine.cpu / yours.cpu } : {}),
    ...(bar === undefined ? {} : { bar }),
    detail: `${milliseconds(mine)} / ${milliseconds(yours)}`,
  };
}

/** The program of each target that reads what Berth wrote: nobody waits less for Berth than for that. */
const readers: Readonly<
  Record<
    Target,
    {
      readonly name: string;
      readonly there: readonly [string, ...string[]];
      readonly argv: (site: string) => readonly [string, ...string[]];
    }
  >
> = {
  compose: {
    name: 'docker compose config',
    there: ['docker', 'compose', 'version'],
    argv: (site) => ['docker', 'compose', '-f', join(site, 'compose.yaml'), 'config'],
  },
  kubernetes: {
    name: 'kubectl kustomize',
    there: ['kubectl', 'version', '--client'],
    argv: (site) => ['kubectl', 'kustomize', join(site, 'k8s/site')],
  },
};

/** What one person at one site waits for. */
function oneSite(folder: string, target: Target): readonly Row[] {
  const [site, changing, fresh] = ['site', 'changing', 'fresh'].map((name) => join(folder, target, name)) as [string, string, string];
  mkdirSync(join(folder, target));
  run(initOf(program, site, target));
  cpSync(site, changing, { recursive: true });
  const reader = readers[target];
  const names = {
    init: `${target}: init`,
    idle: `${target}: generate, nothing to do`,
    change: `${target}: generate, one setting changed`,
    check: `${target}: generate --check`,
    explain: `${target}: explain`,
  };
  const compared = isThere(reader.there);
  const times = race(
    [
      bare,
      {
        name: names.init,
        argv: initOf(program, fresh, target),
        before: () => {
          rmSync(fresh, { recursive: true, force: true });
        },
      },
      { name: names.idle, argv: berth(program, 'generate', '--site', site) },
      {
        name: names.change,
        argv: berth(program, 'generate', '--site', changing),
        before: (turn) => {
          changeSetting(changing, turn);
        },
      },
      { name: names.check, argv: berth(program, 'generate', '--check', '--site', site) },
      { name: names.explain, argv: berth(program, 'explain', '--site', site) },
      ...(compared ? [{ name: reader.name, argv: reader.argv(site) }] : []),
    ],
    turns,
  );
  if (!compared) process.stderr.write(`\nNO ${reader.name.toUpperCase()} HERE: its rows are left out, and their bar was not tested.\n\n`);
  return [
    against(times, names.init, bare.name, 3),
    against(times, names.idle, bare.name, 3),
    against(times, names.change, bare.name, 3),
    ...(compared
      ? [
          against(times, names.init, reader.name, 1),
          against(times, names.idle, reader.name, 1),
          against(times, names.change, reader.name, 1),
        ]
      : []),
    against(times, names.check, bare.name),
    against(times, names.explain, bare.name),
  ];
}

/** What a service costs beyond the start of Node, in sites of different sizes. */
function manyServices(folder: string, target: Target): readonly Row[] {
  const counts = [5, 50, 200] as const;
  const contestants = counts.map((count): Contestant => ({
    name: String(count),
    argv: berth(program, 'generate', '--site', makeLargeSite(program, folder, count, target)),
  }));
  const times = race([bare, ...contestants], fewer(turns));
  const start = median(timesOf(times, bare.name));
  const each = (count: number): number => (median(timesOf(times, String(count))) - start) / count;
  const row = (count: number, other: number, bar?: number): Row => ({
    what: `${target}: a service among ${count} / among ${other}`,
    ratio: each(count) / each(other),
    ...(bar === undefined ? {} : { bar }),
    detail: `${each(count).toFixed(2)} ms / ${each(other).toFixed(2)} ms each`,
  });
  return [row(50, 5), row(200, 50, 1.25)];
}

/** What a site costs when many are worked out in one process; it must not rise with their number. */
function manySites(folder: string): readonly Row[] {
  const rows = JSON.parse(
    run([process.execPath, join(import.meta.dirname, 'many-sites.ts'), join(folder, 'compose', 'site'), '1', '100', '1000']),
  ) as readonly { readonly sites: number; readonly each: number }[];
  const each = new Map(rows.map((row) => [row.sites, row.each / 1000]));
  const cost = (sites: number): number => each.get(sites) ?? Number.NaN;
  const row = (sites: number, other: number, bar: number): Row => ({
    what: `a site among ${sites} / among ${other}`,
    ratio: cost(sites) / cost(other),
    bar,
    detail: `${cost(sites).toFixed(2)} ms / ${cost(other).toFixed(2)} ms of CPU each`,
  });
  return [row(100, 1, 1.25), row(1000, 100, 1.25)];
}

/** Peak memory of one `generate` of the largest site, as a share of what the runtime may take at most. */
function memory(folder: string): Row {
  const most = 256;
  const report = join(folder, 'peak.mjs');
  const source = `process.on('exit', () => { process.stderr.write(String(process.resourceUsage().maxRSS)); }); process.argv[1] = ${JSON.stringify(program)}; await import(${JSON.stringify(program)});`;
  const { stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', source, report, 'generate', '--site', join(folder, 'compose-services-200')],
    { encoding: 'utf8' },
  );
  const peak = Number(stderr) / 1024;
  return { what: `peak memory at 200 services / ${most} MiB`, ratio: peak / most, bar: 1, detail: `${peak.toFixed(0)} MiB` };
}

const folder = mkdtempSync(join(tmpdir(), 'berth-bench-'));
try {
  if (!options['no-build']) run([process.execPath, join(root, 'scripts', 'build.ts')]);
  const rows = [
    ...(options.only === 'backups'
      ? []
      : [
          ...targets.flatMap((target) => oneSite(folder, target)),
          ...targets.flatMap((target) => manyServices(folder, target)),
          ...manySites(folder),
          memory(folder),
        ]),
    ...(options.only === 'generate' ? [] : await backupRows(folder, program, fewer(turns))),
  ];
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ turns, turnsOfBackups: fewer(turns), node: process.versions.node, load: loadavg()[0], rows: rows.map((row) => ({ ...row, missed: missed(row) })) }, null, 2)}\n`,
    );
  else process.stdout.write(reportOf(rows, { turns, load: loadavg()[0], node: process.versions.node, only: options.only }));
  process.exitCode = rows.some(missed) ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
