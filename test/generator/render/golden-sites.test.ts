import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { currentSecret } from '../../../generator/io/ledger.ts';
import { checkComposeSchema } from '../../../generator/render/check-compose-schema.ts';
import { bigHost, prepareHello, smallHost } from './hello.ts';

const golden = join(import.meta.dirname, '../../golden');
/** Same for every site, so they are no part of a golden tree. The schema has a golden file of its own. */
const constant = /\/(errors\.conf|berth\.js|maintenance\.html)$|^\.berth\//;

const goldenFiles = ({ decision }: PreparedSite) =>
  decision.changes.filter(({ path, secret }) => !secret && !constant.test(path)).map(({ path, content = '' }) => ({ path, content }));
const fileOf = (site: PreparedSite, path: string): string => site.decision.merged.get(path) ?? '';
const secretsIn = ({ ledger }: PreparedSite) =>
  [
    ...[...ledger.secrets.keys()].map((name) => currentSecret(ledger, name)),
    ...[ledger.authority, ledger.leaf].flatMap((pair) => (pair ? [pair.key] : [])),
  ].map((secret) => secret.reveal());

describe.each([
  { row: 'hello-minimum', profile: 'minimum', host: smallHost },
  { row: 'hello-recommended', profile: 'recommended', host: smallHost },
  { row: 'hello-high-performance', profile: 'high-performance', host: smallHost },
  { row: 'hello-high-performance-big', profile: 'high-performance', host: bigHost },
] as const)('the site $row', ({ row, profile, host }) => {
  test('is written as its golden files have it, and no file of them is left over', async () => {
    const files = goldenFiles(await prepareHello({ profile, host }));
    for (const { path, content } of files) await expect(content).toMatchFileSnapshot(join(golden, row, path));
    expect(
      readdirSync(join(golden, row), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort(),
    ).toEqual(files.map(({ path }) => join(golden, row, path)).sort());
  });

  test('has a compose.yaml that parses without a warning and fits the Compose specification', async () => {
    const compose = fileOf(await prepareHello({ profile, host }), 'compose.yaml');
    const { errors, warnings } = parseDocument(compose, { uniqueKeys: true });
    expect([...errors, ...warnings]).toEqual([]);
    expect(checkComposeSchema(compose)).toEqual([]);
  });

  test('shows no secret outside secrets/, in no form', async () => {
    const site = await prepareHello({ profile, host });
    const secrets = secretsIn(site);
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    const open = site.decision.changes.filter(({ path }) => !path.startsWith('secrets/'));
    expect(open.some(({ secret }) => secret)).toBe(false);
    for (const secret of secrets)
      for (const form of [
        secret,
        Buffer.from(secret).toString('base64').replace(/=+$/, ''),
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
      ])
        expect(open.filter(({ content = '' }) => content.includes(form)).map(({ path }) => path)).toEqual([]);
    // The search would find one: the files that hold them do.
    expect(site.decision.changes.filter(({ content = '' }) => content.includes(secrets[0] ?? '?')).map(({ path }) => path)).toContain(
      'secrets/ledger.json',
    );
  });
});

test.each([
  { what: 'a key of a service', from: '    read_only: true', to: '    readonly: true' },
  { what: 'a key of a health check', from: '      retries:', to: '      retires:' },
  { what: 'a key at the top', from: '\nnetworks:\n', to: '\nnetwork:\n' },
])('the schema sees that $what is mistyped', async ({ from, to }) => {
  const compose = fileOf(await prepareHello(), 'compose.yaml');
  expect(compose).toContain(from);
  expect(checkComposeSchema(compose.replace(from, to)).join()).toContain('additionalProperty');
});

test('the same spec gives the same bytes, whatever was rendered before', async () => {
  const [first, , again] = [await prepareHello(), await prepareHello({ profile: 'recommended' }), await prepareHello()];
  expect(goldenFiles(again)).toEqual(goldenFiles(first));
});
