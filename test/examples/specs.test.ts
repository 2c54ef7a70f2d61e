import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { PreparedSite } from '../../cli/site.ts';
import { lintSite } from '../../cli/lint-site.ts';
import { listExamples } from '../../generator/io/examples.ts';
import { checkComposeSchema } from '../../generator/render/check-compose-schema.ts';
import { checkKubernetesSchema } from '../../generator/render/check-kubernetes-schema.ts';
import { specJsonSchema } from '../../generator/spec/json-schema.ts';
import { profileNames } from '../../model/profile.ts';
import { bigHost, prepareHello } from '../generator/render/hello.ts';

const root = join(import.meta.dirname, '../..');
const examples = listExamples(root);
const rows = examples.flatMap((example) => profileNames.map((profile) => ({ example, profile })));

describe.each(rows)('the example $example at $profile', ({ example, profile }) => {
  let compose: PreparedSite;
  beforeAll(async () => {
    compose = await prepareHello({ example, profile, host: bigHost });
  });

  test('is a sound Compose project', () => {
    const { plan, decision } = compose;
    expect(checkComposeSchema(decision.merged.get('compose.yaml') ?? '')).toEqual([]);
    expect(lintSite(plan, decision.merged).findings).toEqual([]);
    expect(plan.budget.sum + plan.budget.reserve).toBeLessThanOrEqual(plan.budget.host);
  });

  test('is a sound set of manifests, of the same services', async () => {
    const cluster = await prepareHello({ example, profile, target: 'kubernetes' });
    const broken = [...cluster.decision.merged]
      .filter(([path]) => /^k8s\/(?:generated|site|secrets)\/[^/]+\.yaml$/.test(path))
      .flatMap(([path, text]) => checkKubernetesSchema(text).map((complaint) => `${path}: ${complaint}`));
    expect(broken).toEqual([]);
    expect(lintSite(cluster.plan, cluster.decision.merged).findings).toEqual([]);
    // What changes replicas by the clock is there only where there are autoscalers.
    const names = cluster.plan.services.filter(({ rights }) => rights === undefined).map(({ name }) => name);
    // What makes a volume writable is there only where no kubelet does.
    const tasks = compose.plan.volumes.map(({ name }) => name);
    // What leads services to the places of their lists is there only where no network keeps them to those.
    const relay = compose.plan.relay ? [compose.plan.relay.service] : [];
    // A cluster has one StatefulSet where Compose has a service for each node of a cache.
    const folded = compose.plan.services.map(({ name }) => name.replace(/-(node|sentinel|shard-[012])-[012]$/, '-$1'));
    expect([...names, ...tasks, ...relay].sort()).toEqual([...new Set(folded)].sort());
  });
});

test('every example but the sample has a page that says what its deployment plan asks for, and where each part of it stands', () => {
  for (const example of examples.filter((name) => name !== 'hello')) {
    const page = readFileSync(join(root, 'docs/examples', `${example}.md`), 'utf8');
    expect(page).toContain(`examples/${example}/berth.yaml`);
    expect(page.match(/^\| .+ \| .+ \|$/gm)?.length ?? 0).toBeGreaterThan(12);
  }
});

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}
const whole = JSON.parse(specJsonSchema()) as Schema;

/** Every key that a spec may have, as `services.*.routes.path`: `*` stands for a name, and lists are passed through. */
function* keysOf(schema: Schema, at = ''): Generator<string> {
  const found = schema.$ref ? whole.$defs?.[schema.$ref.replace('#/$defs/', '')] : schema;
  const below = (part: string) => (at === '' ? part : `${at}.${part}`);
  for (const form of found?.anyOf ?? []) yield* keysOf(form, at);
  if (found?.items) yield* keysOf(found.items, at);
  if (typeof found?.additionalProperties === 'object') yield* keysOf(found.additionalProperties, below('*'));
  for (const [key, inner] of Object.entries(found?.properties ?? {})) {
    yield below(key);
    yield* keysOf(inner, below(key));
  }
}

/** Every key that a value has, named alike. */
function* keysIn(value: unknown, known: ReadonlySet<string>, at = ''): Generator<string> {
  if (Array.isArray(value)) for (const item of value as unknown[]) yield* keysIn(item, known, at);
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) {
      const named = at === '' ? key : `${at}.${key}`;
      const path = known.has(named) ? named : `${at}.*`;
      yield path;
      yield* keysIn(inner, known, path);
    }
}

/** Keys that no example needs, each with its reason. */
const needless: readonly (readonly [keys: RegExp, because: string])[] = [
  [/^(?:host|host\..+|network|target)$/, '`berth init` writes them for the place where the site stands'],
  [/^trust$/, 'the authority of one company means nothing to another; the lab has a row for it'],
  [
    /\.external(?:\..+)?$/,
    'what stands elsewhere is no part of what an example brings up; test/generator/render/externals.test.ts has all of it',
  ],
  [
    /^kubernetes\.(?:clusterDomain|class|controller\w+|networkPlugin|containerLog\w+|dns(?:\..+)?|nodePorts.*|storageClass|certificate|existingSecrets.*|pullSecret)$/,
    'each cluster has its own',
  ],
  [/\.entrypoint$/, 'images bring their own'],
  [/^edge\.proxyProtocol$/, 'the load balancer decides it'],
  [/^stores\.\*\.nodes$/, 'four nodes are for a cluster alone, and an example is for both targets'],
  [/\.(?:cpu|memory|disk|connections)$/, "sizes are the profile's; where an example fixes one it shows how"],
  [/^(?:databases|caches)\.\*\.topology$/, "the profile's wish is the better teacher"],
  [/^caches\.\*\.client$/, 'what the library of an application can is for its makers to say; the lab has rows for both'],
  [
    /^backups\.(?:offsite\.)?(?:folder|bucket\.(?:region|addressing|ca|lease|lock(?:\..+)?))$/,
    'what a store of backups is like is for each site to say; docs/backups.md shows both ways, and a test runs it',
  ],
  [
    /^backups\.(?:suite|drill(?:\..+)?|\w+\.recipients|databases\.storageClass)$/,
    'who holds which key, and which classes a cluster has, is for each site to say',
  ],
  [
    /^backups\.(?:verify|prune|\w+\.(?:schedule|prove|increments|names|keep(?:\..+)?))$/,
    'the default is the better teacher, where no plan says otherwise',
  ],
  [/^(?:databases\.\*\.operator|kubernetes\.operatorNamespace)$/, 'an operator is for a cluster alone, and an example is for both targets'],
];

test('every key of a spec is used by an example, but for those that cannot be', () => {
  const all = [...new Set(keysOf(whole))];
  const known = new Set(all);
  const used = new Set(
    examples.flatMap((example) => {
      const spec = parse(readFileSync(join(root, 'examples', example, 'berth.yaml'), 'utf8')) as { readonly environments?: object };
      return [spec, ...Object.values(spec.environments ?? {})].flatMap((value) => [...keysIn(value, known)]);
    }),
  );
  const excused = (key: string) => needless.some(([keys]) => keys.test(key));
  expect(all.filter((key) => !used.has(key) && !excused(key))).toEqual([]);
  expect(used.size).toBeGreaterThan(80);
  // What has come into use needs no excuse any more.
  expect(needless.filter(([keys]) => !all.some((key) => keys.test(key) && !used.has(key)))).toEqual([]);
});
