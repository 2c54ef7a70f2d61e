import { table } from '../../cli/text.ts';
import { missed, type Row } from './measure.ts';

/** What takes seconds each time is done as often as is needed for a median. */
export const fewer = (turns: number): number => Math.max(3, Math.round(turns / 3));

/** Where and when it was measured. */
interface Circumstances {
  readonly turns: number;
  /** Of the machine, while it was measured. */
  readonly load: number | undefined;
  readonly node: string;
  readonly only?: string | undefined;
}

export function reportOf(rows: readonly Row[], { turns, load, node, only }: Circumstances): string {
  const cells = rows.map((row) => [
    row.what,
    row.ratio.toFixed(2),
    row.fastest?.toFixed(2) ?? '',
    row.cpu?.toFixed(2) ?? '',
    row.bar !== undefined ? `< ${row.bar}` : row.least !== undefined ? `>= ${row.least}` : '',
    row.bar === undefined && row.least === undefined ? '' : missed(row) ? 'FAIL' : 'pass',
    row.detail,
  ]);
  const said = only === 'backups' ? `${fewer(turns)} turns` : `${turns} turns, and ${fewer(turns)} of many services, backups and restores`;
  const head = ['measured', 'ratio', 'fastest', 'CPU', 'bar', '', 'medians (first to third quarter)'];
  return `${table([head, ...cells], [1, 2, 3, 4], '')}\n\nload of the machine: ${load?.toFixed(1) ?? '?'}; Node ${node}; ${said}\n`;
}
