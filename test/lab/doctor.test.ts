import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabSite, Operator } from './installed.ts';
import { removeNetwork } from './leftovers.ts';
import { attempt, run } from './process.ts';

interface Said {
  readonly host: string;
  readonly engine: string;
  readonly diagnoses: readonly { readonly id: string; readonly verdict: string; readonly found: string }[];
}

const [http, https] = [38_080, 38_443];
const stranger = 'berth-doctor-stranger';
/** It takes a port of the default network and, as a network, addresses. */
const forget = async (): Promise<void> => {
  await attempt(['docker', 'rm', '-f', stranger]);
  await removeNetwork(stranger);
};

describe('doctor of a Compose site on a real engine, as a user who is not root', () => {
  let operator: Operator;
  let site: LabSite;
  const ask = async (): Promise<Said & { readonly code: number }> => {
    const { code, stdout, stderr } = await operator.attempt(['berth', 'doctor', '--json'], site.folder);
    expect(stderr).toBe('');
    return { ...(JSON.parse(stdout) as Said), code };
  };
  const find = ({ diagnoses }: Said, id: string) => diagnoses.find((one) => one.id === id);

  beforeAll(async () => {
    await forget();
    operator = await Operator.create();
    site = await LabSite.create(operator, 'doctored');
    await operator.run(
      ['berth', 'init', 'doctored', '--profile', 'minimum', '--set', `edge.http=${http}`, '--set', `edge.https=${https}`],
      operator.home,
    );
  });
  afterAll(async () => {
    await forget();
    operator?.[Symbol.dispose]();
  });

  test('tells what the engine tells, and finds that the site would run', async () => {
    const said = await ask();
    expect(said.code).toBe(0);
    const [version, name, groups] = (await run(['docker', 'info', '--format', '{{.ServerVersion}} {{.Name}} {{.CgroupVersion}}'])).split(
      ' ',
    );
    expect(said).toMatchObject({ engine: version, host: name });
    expect(find(said, 'cgroups')?.found).toBe(`version ${groups}`);
    expect(find(said, 'engine')).toMatchObject({ verdict: 'pass', found: version });
    expect(find(said, 'images')).toMatchObject({ verdict: 'pass', found: expect.stringMatching(/^all \d+ are here$/) as string });
    expect(find(said, `port:${http}`)).toMatchObject({ verdict: 'pass', found: 'free' });
    expect(find(said, 'subnets')).toMatchObject({ verdict: 'pass' });
    expect(find(said, 'disk')?.found).toContain('/var/lib/docker');
    // Whether the operator's home lies on Docker's disk is the machine's choice; that it says so is Berth's.
    expect(find(said, 'fsync')?.found).toMatch(/^[\d.]+ ms, 99 of 100 within|^not known: you may not write to \/var\/lib\/docker/);
  });

  test('finds a container on a port of the site, and a network on its addresses', async () => {
    const subnet = /subnet: "?([\d./]+)/.exec(site.read('compose.yaml'))?.[1] ?? '';
    const image = /image: "([^"]*valkey[^"]*)"/.exec(site.read('compose.yaml'))?.[1] ?? '';
    await run(['docker', 'network', 'create', '--subnet', subnet, stranger]);
    await run(['docker', 'run', '--detach', '--name', stranger, '--publish', `${http}:6379`, image]);
    const said = await ask();
    expect(said.code).toBe(11);
    expect(find(said, `port:${http}`)).toMatchObject({ verdict: 'fail', found: `taken by container ${stranger}` });
    expect(find(said, 'subnets')).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining(`Docker's network ${stranger}`) as string,
    });
  });
});
