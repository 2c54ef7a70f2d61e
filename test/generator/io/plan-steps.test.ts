import { describe, expect, test } from 'vitest';
import { realFileSystem } from '../../../generator/io/file-system.ts';
import { planSteps } from '../../../generator/io/plan-steps.ts';
import { artifact, decide, temporarySite } from './site-fixture.ts';

describe('the order of a change', () => {
  test('puts compose.yaml and .env after all that they speak of, so that a change cut off before them starts nothing new', () => {
    using site = temporarySite();
    const decision = decide(
      site.path,
      ['compose.yaml', '.env', 'config/database/postgresql.conf', 'secrets/web.env', 'SITE.md'].map((path) => artifact(path, 'text\n')),
    );
    const puts = planSteps(site.path, decision, realFileSystem).flatMap(({ step }) => (step.do === 'put' ? [step.target] : []));
    expect(puts.slice(-2).sort()).toEqual(['.env', 'compose.yaml']);
    expect(puts.length).toBeGreaterThan(5);
  });
});
