import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { attended } from '../model/backup/site-files.ts';
import { BerthError, EXIT, exitMeaning } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { ClusterContext } from './cluster.ts';
import { addCerts } from './certs.ts';
import { addCompletion } from './completion.ts';
import { addDiff } from './diff.ts';
import { addDoctor } from './doctor.ts';
import { addExplain } from './explain.ts';
import { addGenerate } from './generate.ts';
import { addImages } from './images.ts';
import { addInit } from './init.ts';
import { addLint } from './lint.ts';
import { addPlan } from './plan.ts';
import { reportFailure } from './report-failure.ts';
import { addSecrets } from './secrets.ts';
import { version } from './version.ts';

/** Where the command was typed. @throws BerthError `io` when that folder was removed since. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new BerthError('io', 'the folder that you are in was removed', 'change into one that is there', { cause: error });
  }
}

/** From here on a signal comes too late: what is being written is finished. */
let tooLate = false;
/** What a signal tells to stop and clean up, where something is to be cleaned up. */
let cleaning: AbortController | undefined;
/** What a person is told then. */
let farewell = '';
/** Nobody reads any more what is printed. */
let readerGone = false;

const context: ClusterContext & { given?: Secret | undefined } = {
  get cwd() {
    return workingFolder();
  },
  root: join(import.meta.dirname, '..'),
  now: () => new Date(),
  random: randomBytes,
  interactive: process.stdout.isTTY && !process.env['CI'] && process.stdin.isTTY,
  terminal: process.stdout.isTTY,
  uninterrupted: async (step, goesOn = false) => {
    // One turn of the event loop, in which a signal that is waiting already is heard.
    await setImmediate();
    tooLate = true;
    step();
    tooLate = !goesOn;
  },
  env: process.env,
  clock: {
    now: () => new Date(),
    sleep: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
    deadline: (milliseconds) => AbortSignal.timeout(milliseconds),
  },
  abortable: async (work, said = 'stopping, and taking away what was made; once more to leave it') => {
    cleaning = new AbortController();
    farewell = said;
    try {
      return await work(cleaning.signal);
    } finally {
      cleaning = undefined;
    }
  },
  exit: (code) => {
    process.exitCode = code;
  },
  color: process.stdout.isTTY && process.stderr.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  columns: process.stdout.columns || 100,
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
};

async function run(action: () => Promise<void>, json: boolean): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (readerGone && error instanceof BerthError && error.kind === 'interrupted') return;
    process.exitCode = reportFailure(error, context, json);
  }
}

async function build(asked: string | undefined): Promise<Command> {
  const program = new Command('berth')
    .description('Gives a containerised application its place in your own datacenter: sized, hardened, explained.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    // What stands behind `images lock` is for `lock`, though `images` has an option of that name, too.
    .enablePositionalOptions()
    .showHelpAfterError(helpHint('berth'))
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  berth init my-site --profile recommended     make a site for this host
  berth explain database                       why its numbers are what they are

Exit codes:
${Object.entries(EXIT)
  .map(([name, code]) => `  ${String(code).padStart(3)}  ${exitMeaning[name as keyof typeof EXIT]}`)
  .join('\n')}`,
    );
  for (const add of [
    addInit,
    addGenerate,
    addPlan,
    addExplain,
    addImages,
    addLint,
    addDoctor,
    addDiff,
    addCerts,
    addSecrets,
    addCompletion,
  ])
    add(program, run, context);
  // Whatever is none of these may be one of the others, and help and completion tell of all.
  if (asked === 'completion' || !program.commands.some((command) => command.name() === asked))
    (await import('./runtime-commands.ts')).addRuntimeCommands(program, run, context);
  for (const command of commandsBelow(program))
    command
      .helpOption('--help', 'show this help')
      .helpCommand(false)
      .exitOverride()
      .showHelpAfterError(helpHint(typedName(command)));
  return program;
}

const helpHint = (typed: string): string => `→ \`${typed} --help\` shows how to use it`;
/** `berth backup show`, as it is typed. */
const typedName = (command: Command): string => (command.parent ? `${typedName(command.parent)} ${command.name()}` : command.name());

const commandsBelow = ({ commands }: Command): readonly Command[] => commands.flatMap((command) => [command, ...commandsBelow(command)]);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (tooLate) return;
    if (cleaning && !cleaning.signal.aborted) {
      cleaning.abort();
      context.err(`\n${farewell}\n`);
      return;
    }
    // A shell that ends sends it to what it began, and the kernel sends it once more: that is nobody who asks twice.
    if (cleaning && signal === 'SIGHUP') return;
    context.err('\nstopped; the site is as it was\n');
    process.exit(EXIT.interrupted);
  });
// `berth explain | head` ends the pipe early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // What is at work puts everything back first: a terminal that is gone must not leave a site stopped.
  if (cleaning) {
    readerGone = true;
    cleaning.abort();
    return;
  }
  if (error.code === 'EPIPE') process.exit();
  process.exit(
    reportFailure(
      new BerthError(
        'io',
        `cannot print the answer: ${error.message}`,
        'see where the output goes; what was to be written to the site is written',
      ),
      context,
      false,
    ),
  );
});
process.stderr.on('error', () => {
  if (!cleaning) process.exit(process.exitCode ?? EXIT.io);
});

// In the container of an agent: who has asked for this may go away.
if (process.argv[2] === attended) {
  process.argv.splice(2, 1);
  const text = (await import('./attended.ts')).attend(() => process.kill(process.pid, 'SIGTERM'));
  context.given = text === undefined ? undefined : new Secret(text);
}
try {
  await (await build(process.argv[2])).parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
