import type { Change } from '../runtime/orchestrators/kubernetes/compare.ts';
import type { Outcome } from '../runtime/orchestrators/kubernetes/dry-run.ts';
import type { Cluster, ClusterContext } from './cluster.ts';
import { hang, paint } from './text.ts';

const words = {
  created: 'new',
  repeated: 'again',
  unchanged: 'same',
  changed: 'changed',
  immutable: 'migrate',
  refused: 'refused',
} as const;
const colours = { created: 'green', repeated: 'dim', unchanged: 'dim', changed: 'yellow', immutable: 'red', refused: 'red' } as const;
const shown = 100;
const indent = ' '.repeat(11);

/** A value in one line; long ones by their length alone. */
function short(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= shown
    ? text
    : `${Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : 'a text'} of ${text.length} characters`;
}

const describeChange = (change: Change): string =>
  'before' in change || 'after' in change ? `${change.path}: ${short(change.before)} → ${short(change.after)}` : `${change.path} changed`;

/** What a cluster would change, for a reader. */
export function describeDiff(site: string, cluster: Cluster, outcomes: readonly Outcome[], context: ClusterContext): string {
  const style = paint(context.color);
  const width = Math.max(50, Math.min(context.columns, 130)) - indent.length;
  const lines = outcomes
    .filter(({ result, warnings }) => result !== 'unchanged' || warnings.length > 0)
    .flatMap(({ object, result, changes, message, cure, warnings }) => [
      `  ${style(colours[result], words[result].padEnd(7))}  ${object}`,
      ...changes.map((change) => `${indent}${describeChange(change)}`),
      ...(message === undefined ? [] : [`${indent}${hang(message, width, indent)}`]),
      ...(cure === undefined ? [] : [`${indent}${style('cyan', '→')} ${hang(cure, width - 2, `${indent}  `)}`]),
      ...warnings.map((warning) => `${indent}${style('yellow', 'warning')}: ${hang(warning, width - 9, `${indent}  `)}`),
    ]);
  const counts = (Object.keys(words) as Outcome['result'][])
    .map((result) => [outcomes.filter((one) => one.result === result).length, words[result]] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  const head = `${style('bold', site)} against ${cluster.client.server} (context ${cluster.context})\n\n`;
  return `${head}${lines.length > 0 ? `${lines.join('\n')}\n\n` : ''}${counts.length > 0 ? counts.join(', ') : 'no objects'}\n`;
}
