import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lintSite } from '../../cli/lint-site.ts';
import { listExamples } from '../../generator/io/examples.ts';
import { checkComposeSchema } from '../../generator/render/check-compose-schema.ts';
import { checkKubernetesSchema } from '../../generator/render/check-kubernetes-schema.ts';
import { profileNames } from '../../model/profile.ts';
import { bigHost, prepareHello } from '../generator/render/hello.ts';

const root = join(import.meta.dirname, '../..');
const examples = listExamples(root);
const rows = examples.flatMap((example) => profileNames.map((profile) => ({ example, profile })));

describe.each(rows)('the example $example at $profile', ({ example, profile }) => {
  test('is a sound Compose project', async () => {
    const { plan, decision } = await prepareHello({ example, profile, host: bigHost });
    expect(checkComposeSchema(decision.merged.get('compose.yaml') ?? '')).toEqual([]);
    expect(lintSite(plan, decision.merged).findings).toEqual([]);
    expect(plan.budget.sum + plan.budget.reserve).toBeLessThanOrEqual(plan.budget.host);
  });

  test('is a sound set of manifests, of the same services', async () => {
    const [compose, cluster] = [
      await prepareHello({ example, profile, host: bigHost }),
      await prepareHello({ example, profile, target: 'kubernetes' }),
    ];
    const broken = [...cluster.decision.merged]
      .filter(([path]) => /^k8s\/(?:generated|site|secrets)\/[^/]+\.yaml$/.test(path))
      .flatMap(([path, text]) => checkKubernetesSchema(text).map((complaint) => `${path}: ${complaint}`));
    expect(broken).toEqual([]);
    expect(lintSite(cluster.plan, cluster.decision.merged).findings).toEqual([]);
    // What changes replicas by the clock is there only where there are autoscalers.
    const names = cluster.plan.services.filter(({ rights }) => rights === undefined).map(({ name }) => name);
    // What makes a volume writable is there only where no kubelet does.
    const tasks = compose.plan.volumes.map(({ name }) => name);
    expect([...names, ...tasks].sort()).toEqual(compose.plan.services.map(({ name }) => name).sort());
  });
});

test('every example but the sample has a page that says what its deployment plan asks for, and where each part of it stands', () => {
  for (const example of examples.filter((name) => name !== 'hello')) {
    const page = readFileSync(join(root, 'docs/examples', `${example}.md`), 'utf8');
    expect(page).toContain(`examples/${example}/berth.yaml`);
    expect(page.match(/^\| .+ \| .+ \|$/gm)?.length ?? 0).toBeGreaterThan(12);
  }
});
