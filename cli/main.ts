import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT, exitMeaning } from '../model/errors.ts';
import type { Context } from './context.ts';
import { addExplain } from './explain.ts';
import { addGenerate } from './generate.ts';
import { addImages } from './images.ts';
import { addInit } from './init.ts';
import { addPlan } from './plan.ts';
import { reportFailure } from './report-failure.ts';
import { version } from './version.ts';

const context: Context = {
  cwd: process.cwd(), root: join(import.meta.dirname, '..'), now: () => new Date(), random: randomBytes,
  interactive: process.stdin.isTTY && process.stdout.isTTY && !process.env['CI'],
  color: process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  columns: process.stdout.columns || 100,
  out: (text) => { process.stdout.write(text); },
  err: (text) => { process.stderr.write(text); },
};

async function run(action: () => Promise<void>, json: boolean): Promise<void> {
  try {
    await action();
  } catch (error) {
    process.exitCode = reportFailure(error, context, json);
  }
}

function build(): Command {
  const program = new Command('berth')
    .description('Gives a containerised application its place in your own datacenter: sized, hardened, explained.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('→ `berth --help` shows how to use it')
    .exitOverride()
    .addHelpText('after', `
Examples:
  berth init my-site --profile recommended     make a site for this host
  berth explain database                       why its numbers are what they are

Exit codes:
${Object.entries(EXIT).map(([name, code]) => `  ${String(code).padStart(3)}  ${exitMeaning[name as keyof typeof EXIT]}`).join('\n')}`);
  for (const add of [addInit, addGenerate, addPlan, addExplain, addImages]) add(program, run, context);
  for (const command of program.commands) command.helpOption('--help', 'show this help').exitOverride();
  return program;
}

/** Files are swapped in one go that no signal interrupts, so between its steps there is nothing to undo. */
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => { context.err('\nstopped; the site is as it was\n'); process.exit(EXIT.interrupted); });
// `berth explain | head` ends the pipe early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); throw error; });

try {
  await build().parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
