import type { Plan } from '../model/plan.ts';
import type { PlannedService } from '../model/planned-service.ts';
import { describeCpus, describeSize, formatCpu } from '../model/units.ts';
import type { Context } from './context.ts';
import { noteOf, paint, table } from './text.ts';

const rowOf =
  (plan: Plan) =>
  (service: PlannedService): readonly string[] => {
    const row = plan.budget.rows.find(({ name }) => name === service.name);
    const scaled = row !== undefined && row.wanted > row.each;
    return [
      service.name,
      service.role,
      String(service.replicas),
      formatCpu(service.size.cpu),
      formatCpu(service.size.cpuShare),
      describeSize(service.size.memory),
      scaled ? describeSize(row.wanted) : '',
    ];
  };

/** The sizes of a site as a table, for eyes. */
export function describePlan(plan: Plan, context: Context): string {
  const style = paint(context.color);
  const machine = plan.kubernetes ? 'cluster' : 'host';
  const host = plan.host
    ? `${describeCpus(plan.host.cpus)}, ${describeSize(plan.host.memory)}, ${describeSize(plan.host.disk)} of free disk`
    : `no particular ${machine}`;
  const kept = plan.budget.rows
    .filter(({ name }) => name === 'surge' || name === 'agent')
    .map((row) => [
      row.name,
      'kept free',
      String(row.count),
      '',
      '',
      describeSize(row.each),
      row.wanted > row.each ? describeSize(row.wanted) : '',
    ]);
  const rows = [['service', 'role', 'count', 'CPU', 'busy', 'memory', 'profile'], ...plan.services.map(rowOf(plan)), ...kept];
  return [
    `${style('bold', plan.name)}  ${plan.profile}, ${plan.target}, ${host}`,
    '',
    table(rows, [2, 3, 4, 5, 6]),
    '',
    table(
      [
        ['promised', describeSize(plan.budget.sum)],
        ...(plan.host ? [[`kept by the ${machine}`, describeSize(plan.budget.reserve)]] : []),
        ...(plan.host ? [[machine, describeSize(plan.budget.host)]] : []),
      ],
      [1],
    ),
    '',
    '',
  ].join('\n');
}

/** What a careful reader must know, one paragraph each. */
export const describeNotes = (plan: Plan, context: Context): string => plan.notes.map((note) => `${noteOf(note, context)}\n`).join('');
