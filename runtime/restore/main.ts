import zlib from 'node:zlib';
import { BerthError, EXIT } from '../../model/errors.ts';
import { readCommandLine, usage } from './command-line.ts';
import { cat, check, get, list, type World } from './commands.ts';
import { openPlace } from './open-place.ts';

/** Entry of restore.mjs, which the build makes one file of and which lies in every store beside the backups. */
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const line = readCommandLine(process.argv.slice(2));
  if (line.verb === 'help') return void process.stdout.write(usage);
  if (typeof zlib.zstdDecompress !== 'function')
    throw new BerthError(
      'unsupported',
      `Node ${process.version} cannot decompress Zstandard`,
      'use Node 22.15 or newer, or the shell commands of RESTORE.md',
    );
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new BerthError('interrupted', 'stopped', 'start it again: it begins anew')));
  const store = await openPlace(line, process.env);
  const world: World = { store, line, env: process.env, out: process.stdout, say, signal: stop.signal };
  await { list, check, get, cat }[line.verb](world);
}

try {
  await main();
} catch (error) {
  if (error instanceof BerthError) say(`${error.message}\n${error.hint}`);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = error instanceof BerthError ? EXIT[error.kind] : EXIT.unexpected;
}
