import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gate } from '../../model/planned-service.ts';
import type { SecretText } from '../../model/planned-secret.ts';
import type { DatabaseEngineName } from '../../model/database-spec.ts';
import { app, database, plan, service, stack, uses } from '../generator/plan/plans.ts';
import { IMAGES } from './images.ts';
import type { ImageName } from './images.ts';
import { removeNetwork } from './leftovers.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

interface Row {
  readonly engine: DatabaseEngineName & ImageName;
  /** An account `hello` that owns a database of its name, with the password `x`. */
  readonly env: readonly string[];
  /** Succeeds once it could log in; a server that only prepares its volume does not answer. */
  readonly ready: string;
}
const rows: readonly Row[] = [
  {
    engine: 'postgres',
    env: ['POSTGRES_USER=hello', 'POSTGRES_PASSWORD=x'],
    ready: "PGPASSWORD=x psql -h 127.0.0.1 -U hello -c 'SELECT 1'",
  },
  {
    engine: 'mysql',
    env: ['MYSQL_ROOT_PASSWORD=r', 'MYSQL_USER=hello', 'MYSQL_PASSWORD=x', 'MYSQL_DATABASE=hello'],
    ready: "mysql -h 127.0.0.1 -uhello -px hello -e 'SELECT 1'",
  },
  {
    engine: 'mariadb',
    env: ['MARIADB_ROOT_PASSWORD=r', 'MARIADB_USER=hello', 'MARIADB_PASSWORD=x', 'MARIADB_DATABASE=hello'],
    ready: "mariadb -h 127.0.0.1 -uhello -px --skip-ssl hello -e 'SELECT 1'",
  },
];

/** The one password of these servers, or the first of two logins. */
const valueOf = (piece: SecretText[number]): string => (typeof piece === 'string' ? piece : (piece.login?.[0] ?? 'x'));

describe.each(rows)('what a cluster knows of migrations, in $engine', ({ engine, env, ready }) => {
  const network = `berth-lab-migrations-${engine}`;
  const reference = IMAGES[engine].reference;
  const made = plan(
    stack({
      target: 'kubernetes',
      databases: [database('database', { engine })],
      // Words that a shell and an SQL string would take for something else.
      services: [app('web', { uses: [uses.database('database')], migrate: { command: ["it's", 'a\\b', '$(x)'], database: 'database' } })],
    }),
  );
  const [gate, written] = [service(made, 'web').migration?.waits?.gate, service(made, 'web-migrate').finish];
  const start = ({ argv: [program, ...args], ...step }: Gate, ...more: readonly string[]) => {
    const variables = [
      ...Object.entries(step.env).map(([name, value]) => `${name}=${value}`),
      ...Object.entries(step.secretEnv).map(([name, text]) => `${name}=${text.map(valueOf).join('')}`),
    ];
    const given = variables.flatMap((one) => ['--env', one]);
    return attempt(['docker', 'run', '--rm', '--network', network, ...more, ...given, '--entrypoint', program, reference, ...args]);
  };
  const given = (one: Gate | undefined): Gate => one ?? expect.unreachable('no migrations were planned');

  beforeAll(async () => {
    await removeNetwork(network);
    await run(['docker', 'network', 'create', network]);
    const variables = env.flatMap((one) => ['--env', one]);
    await run([
      'docker',
      'run',
      '--detach',
      '--name',
      network,
      '--network',
      network,
      '--network-alias',
      'database',
      ...variables,
      reference,
    ]);
    const logs = async () => (await attempt(['docker', 'logs', '--tail', '30', network])).stderr;
    await until(async () => (await attempt(['docker', 'exec', network, 'sh', '-c', ready])).code === 0, `${engine} lets in`, {
      seconds: 300,
      everyMs: 500,
      tell: logs,
    });
  });
  afterAll(() => removeNetwork(network));

  test('is waited for until it is written down, and then no longer', async () => {
    const waiting = start(given(gate), '--name', `${network}-waiting`);
    const logs = async () => (await attempt(['docker', 'logs', `${network}-waiting`])).stderr;
    await until(async () => (await logs()).includes('waits for the migrations'), 'it waits', { tell: logs });
    for (let times = 0; times < 2; times++) expect(await start(given(written))).toMatchObject({ code: 0 });
    expect(await waiting).toMatchObject({ code: 0 });
    expect(await start(given(gate))).toMatchObject({ code: 0, stderr: '' });
  });
});
