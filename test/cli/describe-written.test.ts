import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { describeWritten } from '../../cli/describe-written.ts';
import { context, prepareHello } from '../generator/render/hello.ts';
import type { Hello } from '../generator/render/hello.ts';

type Site = Awaited<ReturnType<typeof prepareHello>>;

/** What `berth generate` says when a site becomes another one. */
async function said(from: Hello['set'] = {}, to: Hello['set'] = {}): Promise<{ readonly text: string; readonly before: Site }> {
  const [before, next] = [await prepareHello({ target: 'kubernetes', set: from }), await prepareHello({ target: 'kubernetes', set: to })];
  const state = { ...next.state, current: before.decision.merged, hashes: new Map([['k8s/generated/web.yaml', 'as it was']]) };
  return { text: describeWritten({ ...next, state }, context), before };
}
const commandsIn = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => (/^ {6}kubectl /.test(line) ? [line.trim()] : []));

test('what an autoscaler takes over keeps its replicas by the command that is printed, which takes nothing else away', async () => {
  const { text, before } = await said({}, { 'services.web.scaling': { max: 6 } });
  const [command = ''] = commandsIn(text);
  expect(command).toContain('deployment/web-blue');
  const folder = mkdtempSync(join(tmpdir(), 'adopt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const manifest = before.decision.merged.get('k8s/generated/web.yaml') ?? '';
  const deployment = [parseAllDocuments(manifest)]
    .flat()
    .map((document) => document.toJS() as { kind: string; metadata: { name: string }; spec: { replicas?: number } })
    .find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'web-blue');
  expect(deployment?.spec.replicas).toBe(2);
  // As kubectl prints it: keys in their order, two spaces a step.
  writeFileSync(join(folder, 'applied.yaml'), stringify(deployment, { sortMapEntries: true, indentSeq: false }));
  writeFileSync(
    join(folder, 'kubectl'),
    `#!/bin/sh\ncase "$*" in *view-last-applied*) cat ${folder}/applied.yaml ;; *set-last-applied*) cat > ${folder}/set.yaml ;; esac\n`,
    { mode: 0o755 },
  );
  execFileSync('/bin/sh', ['-c', command], { env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } });
  const { replicas: _, ...rest } = deployment?.spec ?? {};
  expect(parse(readFileSync(join(folder, 'set.yaml'), 'utf8'))).toEqual({ ...deployment, spec: rest });
});

test('what has another name gets the commands that make room for it, and last the one that clears away what holds no data', async () => {
  const { text } = await said(
    { 'caches.before': { engine: 'valkey', use: 'queue' } },
    { 'caches.after': { engine: 'valkey', use: 'queue' } },
  );
  expect(commandsIn(text)).toEqual([
    'kubectl -n hello scale statefulset/before --replicas=0',
    'kubectl -n hello delete statefulset/before pvc/before-data-before-0',
    'kubectl -n hello delete serviceaccount/before service/before service/before-nodes poddisruptionbudget/before networkpolicy/before',
  ]);
  expect(commandsIn((await said()).text)).toEqual([]);
});
