import { describe, expect, test } from 'vitest';
import { type DrillPlan, lossOf, measuredLossOf, planAsJson, sayDrill } from '../../../cli/drill/describe.ts';
import { context } from '../../generator/render/hello.ts';

describe('what would have been lost', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (until: string | null) => ({ database: 'database', position: '0/1', until, canary: null, seconds: 1 });

  test('is told of the database that was copied least lately', () => {
    const outcomes = [outcome('2026-03-29T14:29:50Z'), outcome('2026-03-29T14:29:10Z'), outcome(null)];
    expect(lossOf({ at: undefined, startedAt, outcomes })).toBe(50);
  });

  test('is nothing where the log was shipped since, and nobody knows it for a time of old or without a database', () => {
    expect(lossOf({ at: undefined, startedAt, outcomes: [outcome('2026-03-29T14:30:05Z')] })).toBe(0);
    expect(lossOf({ at: '2026-03-29T14:00Z', startedAt, outcomes: [outcome('2026-03-29T14:00:00Z')] })).toBeUndefined();
    expect(lossOf({ at: undefined, startedAt, outcomes: [] })).toBeUndefined();
  });
});

describe('what is measured by the time that was written into each database', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (moment: string | undefined) => ({
    database: 'database',
    position: '0/1',
    until: null,
    canary: moment === undefined ? null : { moment, ageSeconds: 99, rpoSeconds: 60, claimed: null, late: false },
    seconds: 1,
  });

  test('is of the one that came back oldest, up to the moment at which the drill began', () => {
    const outcomes = [outcome('2026-03-29T14:29:50Z'), outcome(undefined), outcome('2026-03-29T14:29:19Z')];
    expect(measuredLossOf({ at: undefined, startedAt, outcomes })).toBe(41);
  });

  test('is nothing where no time was written into any, or an older state was asked for', () => {
    expect(measuredLossOf({ at: undefined, startedAt, outcomes: [outcome(undefined)] })).toBeUndefined();
    expect(measuredLossOf({ at: '2026-03-29T14:00Z', startedAt, outcomes: [outcome('2026-03-29T13:59:50Z')] })).toBeUndefined();
  });
});

test('what nobody has copied any more is told before anything is started, with whom to ask', () => {
  const late = [{ name: 'database', ageSeconds: 21 * 86_400, terms: '60 s behind at most', agent: 'agent-postgres' }];
  const chosen = { wanted: [], wantedBuckets: [], copies: [], apart: [], empty: [], broken: [] };
  const plan = { site: 'shop', at: undefined, folder: { chosen: [] }, chosen, late, needs: { memory: 1, disk: 1 }, room: {} };
  let said = '';
  sayDrill(plan as unknown as DrillPlan, 'store', { ...context, err: (text: string) => void (said += text) } as never);
  expect(said.replaceAll(/\s+/g, ' ')).toContain(
    'database comes back as it was 21 days before, and is to be 60 s behind at most: see what agent-postgres says',
  );
  expect(planAsJson(plan as unknown as DrillPlan)).toMatchObject({
    late: [{ name: 'database', ageSeconds: 1_814_400, terms: '60 s behind at most' }],
  });
});

test('a database that stands elsewhere is named as one that a drill does not touch', () => {
  const chosen = { wanted: [], wantedBuckets: [], copies: [], apart: [], empty: [], broken: [], elsewhere: ['theirs'] };
  const plan = { site: 'shop', at: undefined, folder: { chosen: [] }, chosen, late: [], needs: { memory: 1, disk: 1 }, room: {} };
  let said = '';
  sayDrill(plan as unknown as DrillPlan, 'store', { ...context, out: (text: string) => void (said += text) } as never);
  expect(said).toContain('not touched, as it stands elsewhere: theirs');
});
