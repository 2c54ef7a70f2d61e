import { BerthError, EXIT } from '../model/errors.ts';
import type { Context } from './context.ts';
import { paint } from './text.ts';

/**
 * The only place where a failure becomes text.
 * @returns the exit code.
 */
export function reportFailure(error: unknown, context: Context, json: boolean): number {
  if (!(error instanceof BerthError)) {
    context.err(error instanceof Error ? `${error.stack ?? error.message}\n` : `${String(error)}\n`);
    context.err('This is a defect of Berth. Please report it with the lines above and the command you typed.\n');
    return EXIT.unexpected;
  }
  if (json)
    context.out(
      `${JSON.stringify({ error: { kind: error.kind, exitCode: EXIT[error.kind], message: error.message, hint: error.hint, problems: error.problems } }, null, 2)}\n`,
    );
  else context.err(describe(error, paint(context.color)));
  return EXIT[error.kind];
}

function describe(error: BerthError, style: ReturnType<typeof paint>): string {
  const problems = error.problems.map(
    (problem) =>
      `${style('bold', problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`)}${problem.path ? `  ${problem.path}` : ''}\n    ${problem.message}${problem.hint ? `\n    ${style('cyan', '→')} ${problem.hint}` : ''}\n`,
  );
  return `${problems.join('')}${problems.length > 0 ? '\n' : ''}${style('red', 'error')}: ${error.message}\n${style('cyan', '→')} ${error.hint}\n`;
}
