import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addDoctor, doctor } from '../../cli/doctor.ts';
import { EXIT } from '../../model/errors.ts';
import { needs } from '../generator/doctor/needs-fixture.ts';
import { routes, startScriptedServer } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';
import { worldOf } from './cluster-world.ts';

const date = { Date: 'Tue, 01 Dec 2026 12:00:00 GMT' };
const version = (minor: string) => ({ 'GET /version': { body: { major: '1', minor, gitVersion: `v1.${minor}.0` }, headers: date } });

test('doctor prints each check of the scripted stand-in with its cure, and ends with a code of its own when one fails', async () => {
  await using stand = await startScriptedServer(routes(version('29')));
  using world = worldOf(stand);
  await doctor({ needs: needs(), ...world.options }, world.context);
  expect(world.code()).toBe(EXIT.unfit);
  expect(world.out()).toMatch(
    new RegExp(`^hello in ${stand.url} \\(context site\\)\n\n  FAIL  Kubernetes version +v1\\.29\\.0, older than 1\\.30`),
  );
  expect(world.out()).toMatch(/\n {20,}→ upgrade the cluster/);
  expect(world.out()).toMatch(/\n {2}ok {4}Clocks +agree\n/);
  expect(world.out()).toMatch(/\n\d+ ok, \d+ warnings, \d+ failures?\n$/);
  expect(
    world
      .out()
      .split('\n')
      .filter((line) => line.length > 112),
  ).toEqual([]);
});

test('doctor ends with 0 when there are only warnings', async () => {
  await using stand = await startScriptedServer(routes(version('31')));
  using world = worldOf(stand);
  await doctor({ needs: needs({ apis: [], volumes: [] }), ...world.options, json: true }, world.context);
  const said = JSON.parse(world.out()) as { fits: boolean; diagnoses: readonly { verdict: string }[] };
  expect(said).toMatchObject({ site: 'hello', server: stand.url, context: 'site', version: 'v1.31.0', fits: true });
  expect(said.diagnoses.map(({ verdict }) => verdict)).toContain('warn');
  expect(world.code()).toBe(EXIT.ok);
});

test('a time limit that is no number is refused before anything is asked', async () => {
  await using stand = await startScriptedServer(() => ({}));
  using world = worldOf(stand);
  await expect(doctor({ needs: needs(), ...world.options, timeout: 'soon' }, world.context)).rejects.toMatchObject({ kind: 'usage' });
  expect(stand.asked).toEqual([]);
});

/** The verb as it is typed, in the folder of a site. */
async function typed(args: readonly string[], spec: string): Promise<unknown> {
  await using stand = await startScriptedServer(routes(version('31')));
  using world = worldOf(stand);
  world.folder.write('berth.yaml', spec);
  let thrown: unknown;
  const program = new Command().exitOverride();
  addDoctor(
    program,
    async (action) => {
      await action().catch((error: unknown) => (thrown = error));
    },
    world.context,
  );
  await program.parseAsync(['doctor', ...args, '--kubeconfig', world.options.kubeconfig], { from: 'user' });
  return thrown ?? world.out();
}

const spec = (target: string): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\ntarget: ${target}\nservices: { web: { kind: web, image: "hello:1", port: 3000 } }\n`;

test('of a Compose site doctor asks no cluster, and says so when one is named', async () => {
  expect(await typed([], spec('compose'))).toMatchObject({
    kind: 'usage',
    message: '--kubeconfig is for a cluster, and this site is for Compose',
    hint: expect.stringContaining('--target kubernetes') as string,
  });
  expect(await typed(['--probe'], spec('compose'))).toMatchObject({ message: expect.stringContaining('--probe') as string });
  expect(await typed(['--target', 'swarm'], spec('compose'))).toMatchObject({ kind: 'usage' });
});

test.each([
  { args: [], target: 'kubernetes' },
  { args: ['--target', 'kubernetes'], target: 'compose' },
])('doctor asks a cluster about the plan of a site for $target', async ({ args, target }) => {
  const said = await typed(args, spec(target));
  expect(said).toMatch(/^hello in https:.*Kubernetes version {2,}v1\.31\.0/s);
});
