import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inAgent } from '../../cli/agent-exec.ts';
import type { AgentHome } from '../../cli/agent-exec.ts';
import type { RuntimeContext } from '../../cli/stoppable.ts';
import { Secret } from '../../model/secret.ts';

const inCluster = { site: '/srv/shop', config: { target: 'kubernetes', namespace: 'shop' } } as const satisfies AgentHome;
const signal = new AbortController().signal;

describe('a verb for an agent', () => {
  /** Programs of that name that write down how they were called, and do what the lines say. */
  function programs(lines: string): { readonly context: RuntimeContext; readonly said: () => string } {
    const folder = mkdtempSync(join(tmpdir(), 'berth-exec-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const log = join(folder, 'said');
    for (const name of ['kubectl', 'docker'])
      writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${lines}\n`, { mode: 0o755 });
    const context = { env: { PATH: `${folder}:/usr/bin:/bin` } } as unknown as RuntimeContext;
    return { context, said: () => readFileSync(log, 'utf8').trim() };
  }
  const program = '/opt/berth/node /opt/berth/dist/berth.js attended';

  test('goes by kubectl into the container of its pod, in the namespace of the site', async () => {
    const { context, said } = programs(`echo '{"backups":[]}'`);
    expect(await inAgent(inCluster, 'agent-postgres', ['backup', 'now', 'database'], context, signal)).toEqual({ backups: [] });
    expect(said()).toBe(
      `kubectl -n shop exec -i agent-postgres-0 -c agent-postgres -- ${program} backup now database --site /etc/berth/agent --json`,
    );
  });

  test('goes to the cluster that was named', async () => {
    const { context, said } = programs(`echo '{}'`);
    await inAgent({ ...inCluster, cluster: { kubeconfig: '/k', context: 'branch' } }, 'agent-mysql', ['backup', 'prune'], context, signal);
    expect(said()).toContain('kubectl --kubeconfig /k --context branch -n shop exec -i agent-mysql-0 ');
  });

  test('takes a private key along by its input alone', async () => {
    const { context, said } = programs(`read -r key; printf '{"key":"%s"}' "$(printf %s "$key" | base64 -d)"`);
    expect(await inAgent(inCluster, 'agent-postgres', ['restore'], context, signal, new Secret('PEM'))).toEqual({ key: 'PEM' });
    expect(said()).toContain('exec -i agent-postgres-0');
    expect(said()).not.toContain('PEM');
  });

  test('has its input open for as long as it is at work', async () => {
    const { context } = programs(`read -r key; timeout 0.3 cat > /dev/null; echo "{\\"key\\":\\"$key\\",\\"until\\":$?}"`);
    expect(await inAgent(inCluster, 'agent-postgres', ['restore'], context, signal)).toEqual({ key: '', until: 124 });
  });

  test('gives back the failure of the agent as its own', async () => {
    const error = { kind: 'usage', message: 'nothing here is called x', hint: 'write one of: database' };
    const { context } = programs(`echo '${JSON.stringify({ error })}'; exit 2`);
    await expect(inAgent(inCluster, 'agent-postgres', ['backup', 'now', 'x'], context, signal)).rejects.toMatchObject(error);
  });

  test('tells of a pod that is not there, and which cluster was asked', async () => {
    const { context } = programs(`echo 'Error from server (NotFound): pods "agent-postgres-0" not found' >&2; exit 1`);
    await expect(inAgent(inCluster, 'agent-postgres', ['backup', 'prune'], context, signal)).rejects.toMatchObject({
      kind: 'unreachable',
      message: 'agent-postgres did not answer: Error from server (NotFound): pods "agent-postgres-0" not found',
      hint: expect.stringContaining('kubectl config current-context'),
    });
  });

  test.each([
    ['compose', 'run `berth generate` in the folder of the site'],
    ['kubernetes', 'build the image of the agents anew as SITE.md says'],
  ] as const)('is not understood by an agent of an older Berth, and says how it gets this one: %s', async (target, cure) => {
    const { context } = programs(`echo "error: unknown command 'attended'" >&2; exit 1`);
    const home: AgentHome = { site: '/srv/shop', config: { target, namespace: 'shop' } };
    await expect(inAgent(home, 'agent-postgres', ['backup', 'prune'], context, signal)).rejects.toMatchObject({
      kind: 'unreachable',
      message: 'agent-postgres runs an older Berth than this one, which it does not understand',
      hint: expect.stringContaining(cure),
    });
  });

  test('goes by Compose on one host, which knows no other cluster', async () => {
    const { context, said } = programs(`echo '{}'`);
    const here: AgentHome = { site: '/srv/shop', config: { target: 'compose' } };
    await inAgent(here, 'agent-postgres', ['backup', 'prune'], context, signal);
    expect(said()).toBe(
      `docker compose --project-directory /srv/shop exec -T agent-postgres ${program} backup prune --site /etc/berth/agent --json`,
    );
    await expect(inAgent({ ...here, cluster: { context: 'x' } }, 'agent-postgres', [], context, signal)).rejects.toMatchObject({
      kind: 'usage',
      message: '--context is for a cluster, and this site is for Compose',
    });
  });

  test('asks for a runtime.yaml that names the namespace', async () => {
    const { context } = programs('exit 1');
    await expect(inAgent({ site: '/s', config: { target: 'kubernetes' } }, 'agent-postgres', [], context, signal)).rejects.toMatchObject({
      kind: 'spec',
      hint: 'run `berth generate`, which writes it anew',
    });
  });
});
