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
    context.err(`${defect}\n`);
    if (json)
      tell({ kind: 'unexpected', message: error instanceof Error ? error.message : String(error), hint: defect, problems: [] }, context);
    return EXIT.unexpected;
  }
  if (json) tell(error, context);
  else context.err(describe(error, paint(context.color)));
  return EXIT[error.kind];
}

const defect = 'This is a defect of Berth. Please report it with the lines above and the command you typed.';

function tell({ kind, message, hint, problems }: Told, context: Context): void {
  context.out(`${JSON.stringify({ error: { kind, exitCode: EXIT[kind], message, hint, problems } }, null, 2)}\n`);
}
type Told = Pick<BerthError, 'message' | 'hint' | 'problems'> & { readonly kind: Exclude<keyof typeof EXIT, 'ok'> };

function describe(error: BerthError, style: ReturnType<typeof paint>): string {
  const problems = error.problems.map(
    (problem) =>
      `${style('bold', problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`)}${problem.path ? `  ${problem.path}` : ''}\n    ${problem.message}${problem.hint ? `\n    ${style('cyan', '→')} ${problem.hint}` : ''}\n`,
  );
  return `${problems.join('')}${problems.length > 0 ? '\n' : ''}${style('red', 'error')}: ${error.message}\n${style('cyan', '→')} ${error.hint}\n`;
}
