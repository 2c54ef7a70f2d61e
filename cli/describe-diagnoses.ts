import type { Diagnosis } from '../generator/doctor/diagnosis.ts';
import type { Context } from './context.ts';
import { hang, paint } from './text.ts';

const words = { pass: 'ok', warn: 'warn', fail: 'FAIL' } as const;
const colours = { pass: 'green', warn: 'yellow', fail: 'red' } as const;
const widest = 40;
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A row for each diagnosis, its cure below it, and the sum; `head` is what was looked at. */
export function describeDiagnoses(head: string, diagnoses: readonly Diagnosis[], context: Context): string {
  const style = paint(context.color);
  const longest = Math.max(...diagnoses.map(({ title }) => title.length));
  // Long titles leave no room beside them: what was found stands below.
  const below = longest > widest;
  const titles = below ? 0 : longest;
  const indent = ' '.repeat(2 + 4 + 2 + (below ? 0 : titles + 2));
  const width = Math.max(50, Math.min(context.columns, 130)) - indent.length;
  const lines = diagnoses.flatMap(({ verdict, title, found, cure }) => [
    `  ${style(colours[verdict], words[verdict].padEnd(4))}  ${title.padEnd(titles)}${below ? `\n${indent}` : '  '}${hang(found, width, indent)}`,
    ...(cure === undefined ? [] : [`${indent}${style('cyan', '→')} ${hang(cure, width - 2, `${indent}  `)}`]),
  ]);
  const count = (verdict: Diagnosis['verdict']): number => diagnoses.filter((one) => one.verdict === verdict).length;
  const sum = `${count('pass')} ok, ${counted(count('warn'), 'warning')}, ${counted(count('fail'), 'failure')}`;
  return `${head}\n\n${lines.join('\n')}\n\n${sum}\n`;
}
