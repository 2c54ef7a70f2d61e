import { describe, expect, test } from 'vitest';
import type { AppSpec } from '../../../../model/app-spec.ts';
import { mib, milliCpu } from '../../../../model/units.ts';
import { app, database, decision, host, plan, refusal, service, settingsOf, stack, uses } from '../plans.ts';

const of = (more: Partial<AppSpec>) => {
  const made = plan(stack({ services: [app('web', more)], databases: [database('database')], host: host(16, 64) }));
  const { env, healthcheck } = service(made, 'web');
  const reasons = Object.fromEntries(
    made.decisions.filter(({ key }) => key.startsWith('web.')).map(({ key, value }) => [key.slice(4), value]),
  );
  return { made, env, healthcheck, reasons };
};
const sized = (runtime: AppSpec['runtime'], memory: number, cpus: number, more: Partial<AppSpec> = {}) =>
  of({ runtime, memory: mib(memory), cpu: milliCpu(cpus * 1000), ...more });

describe('Node.js', () => {
  test.each([
    [256, '102'],
    [512, '268'],
    [768, '422'],
    [769, '528'],
    [1024, '720'],
    [8192, '6096'],
  ])('of %i MiB has a heap of %s MiB', (memory, heap) => {
    expect(service(plan(stack({ services: [app('web', { memory: mib(memory) })] })), 'web').env['NODE_OPTIONS']).toBe(
      `--max-old-space-size=${heap}`,
    );
  });

  test('is left alone where the operator set its options, and where something else runs', () => {
    const of = (more: Parameters<typeof app>[1]) => service(plan(stack({ services: [app('web', more)] })), 'web').env['NODE_OPTIONS'];
    expect([of({ env: { NODE_OPTIONS: '--inspect' } }), of({ runtime: 'other' })]).toEqual(['--inspect', undefined]);
  });
});

describe('Python', () => {
  test.each([
    [256, 2, '1'],
    [512, 0.5, '2'],
    [512, 4, '2'],
    [1024, 1, '3'],
    [1024, 2, '5'],
    [1024, 8, '6'],
  ])('in %i MiB and %d CPUs has %s workers', (memory, cpus, workers) => {
    const { env, reasons } = sized('python', memory, cpus);
    expect([env['WEB_CONCURRENCY'], reasons['WEB_CONCURRENCY']]).toEqual([workers, workers]);
    expect(reasons['worst_case']).toBe(`${32 + Number(workers) * 128 + 64} MiB of ${memory} MiB`);
  });

  test('logs at once, and its libraries count the CPUs of the container', () => {
    expect(sized('python', 1024, 2).env).toMatchObject({
      PYTHONUNBUFFERED: '1',
      PYTHON_CPU_COUNT: '2',
      OMP_NUM_THREADS: '1',
      MALLOC_ARENA_MAX: '2',
    });
    expect(sized('python', 4096, 8, { env: { WEB_CONCURRENCY: '2' } }).env['OMP_NUM_THREADS']).toBe('4');
  });

  test('divides the connections of a replica between its workers, each with two at least', () => {
    const pool = (size: number, more: Partial<AppSpec> = {}) =>
      sized('python', 1024, 2, { pool: size, replicas: 2, uses: [uses.database('database')], ...more });
    expect(pool(20).reasons).toMatchObject({ pool: '20', WEB_CONCURRENCY: '5', DATABASE_POOL_SIZE: '4' });
    expect(pool(20).env['DATABASE_POOL_SIZE']).toBe('4');
    expect(pool(3).env).toMatchObject({ WEB_CONCURRENCY: '1', DATABASE_POOL_SIZE: '3' });
    expect(pool(9).env).toMatchObject({ WEB_CONCURRENCY: '4', DATABASE_POOL_SIZE: '2' });
    const limit = (made: ReturnType<typeof pool>['made']) => settingsOf(made, 'database')['max_connections'];
    expect(limit(pool(20).made)).toBe(limit(pool(20, { runtime: 'node' }).made));
  });

  test('has the workers that the spec asks for, and the database counts on each of them', () => {
    const wanted = (text: string) =>
      sized('python', 1024, 2, { pool: 4, replicas: 2, uses: [uses.database('database')], env: { WEB_CONCURRENCY: text } });
    const { env, reasons, made } = wanted('8');
    expect(env).toMatchObject({ WEB_CONCURRENCY: '8', DATABASE_POOL_SIZE: '1' });
    expect(reasons).toMatchObject({ pool: '8', DATABASE_POOL_SIZE: '1' });
    expect(Object.keys(reasons)).not.toContain('WEB_CONCURRENCY');
    expect(Number(settingsOf(made, 'database')['max_connections'])).toBe(
      Number(settingsOf(wanted('2').made, 'database')['max_connections']) + 3 * 4,
    );
    expect(wanted('2').env['DATABASE_POOL_SIZE']).toBe('2');
    expect(wanted('auto').env['DATABASE_POOL_SIZE']).toBe('4');
  });

  test('is asked by Python itself, as its slim images have neither curl nor wget', () => {
    expect(of({ runtime: 'python' }).healthcheck?.argv.slice(0, 2)).toEqual(['python3', '-c']);
    expect(of({ runtime: 'python' }).healthcheck?.argv[2]).toContain("('127.0.0.1', 3000, timeout=2.5); c.request('GET', '/readyz')");
  });

  test('that answers no requests is one process with all of its connections, unless the spec says of how many', () => {
    const { http: _, ...worker } = app('jobs', { kind: 'worker', runtime: 'python', pool: 12, uses: [uses.database('database')] });
    const made = plan(stack({ services: [worker], databases: [database('database')] }));
    expect(service(made, 'jobs').env).toMatchObject({ DATABASE_POOL_SIZE: '12', PYTHONUNBUFFERED: '1', MALLOC_ARENA_MAX: '2' });
    expect(service(made, 'jobs').env).not.toHaveProperty('WEB_CONCURRENCY');
    expect(decision(made, 'jobs.worst_case')).toBeUndefined();
    const forking = plan(stack({ services: [{ ...worker, env: { WEB_CONCURRENCY: '3' } }], databases: [database('database')] }));
    expect(service(forking, 'jobs').env['DATABASE_POOL_SIZE']).toBe('4');
  });
});

describe('Java', () => {
  test.each([
    [544, '26.0', '96m', '48m', '34m'],
    [1024, '46.7', '128m', '64m', '64m'],
    [2048, '54.3', '256m', '128m', '128m'],
    [8192, '75.0', '256m', '240m', '256m'],
  ])('of %i MiB has a heap of %s %%, and a bound for all that is not heap', (memory, percent, metaspace, code, direct) => {
    const { env, reasons } = sized('java', memory, 1.5);
    expect(env['JAVA_TOOL_OPTIONS']).toBe(
      `-XX:MaxRAMPercentage=${percent} -XX:MaxMetaspaceSize=${metaspace} -XX:ReservedCodeCacheSize=${code} -XX:MaxDirectMemorySize=${direct} -XX:ActiveProcessorCount=2 -XX:+ExitOnOutOfMemoryError`,
    );
    expect(reasons).toMatchObject({ MaxRAMPercentage: percent, MaxMetaspaceSize: metaspace, ReservedCodeCacheSize: code });
    expect(Number(reasons['worst_case']?.split(' ')[0])).toBeLessThanOrEqual(0.9 * memory);
    expect(Number(reasons['worst_case']?.split(' ')[0])).toBeGreaterThan(0.89 * memory);
  });

  test('is refused where its heap would be larger than its share', () => {
    expect(refusal(stack({ services: [app('web', { runtime: 'java', memory: mib(543) })] })).message).toBe(
      'services.web.memory is 543 MiB; it needs at least 544 MiB: 544 MiB: below it classes, compiled code and stacks leave less than the 125 MiB that a JVM takes for its heap at least',
    );
  });
});

describe('Go', () => {
  test.each([
    [128, 0.5, '35MiB', '2'],
    [512, 2, '380MiB', '2'],
    [2048, 2.5, '1763MiB', '3'],
  ])('of %i MiB and %d CPUs collects towards a limit, with as many threads at work', (memory, cpus, limit, threads) => {
    const { env, reasons } = sized('go', memory, cpus);
    expect(env).toMatchObject({ GOMEMLIMIT: limit, GOMAXPROCS: threads });
    expect(reasons).toMatchObject({ GOMEMLIMIT: limit, GOMAXPROCS: threads });
    expect(Number(reasons['worst_case']?.split(' ')[0])).toBeLessThanOrEqual(0.9 * memory);
  });
});

describe('what the spec sets itself holds, and is not explained as ours', () => {
  test.each([
    ['node', 'NODE_OPTIONS', ['max-old-space-size', 'worst_case']],
    ['python', 'WEB_CONCURRENCY', ['WEB_CONCURRENCY', 'worst_case']],
    ['python', 'PYTHON_CPU_COUNT', ['PYTHON_CPU_COUNT']],
    ['python', 'OMP_NUM_THREADS', ['OMP_NUM_THREADS']],
    ['python', 'MALLOC_ARENA_MAX', ['MALLOC_ARENA_MAX']],
    ['python', 'PYTHONUNBUFFERED', []],
    ['java', 'JAVA_TOOL_OPTIONS', ['MaxRAMPercentage', 'MaxMetaspaceSize', 'ActiveProcessorCount', 'worst_case']],
    ['go', 'GOMEMLIMIT', ['GOMEMLIMIT', 'worst_case']],
    ['go', 'GOMAXPROCS', ['GOMAXPROCS']],
  ] as const)('%s: %s', (runtime, variable, reasons) => {
    const own = of({ runtime, env: { [variable]: '7' } });
    expect(own.env[variable]).toBe('7');
    expect(Object.keys(own.reasons).filter((key) => (reasons as readonly string[]).includes(key))).toEqual([]);
    expect(Object.keys(of({ runtime }).reasons)).toEqual(expect.arrayContaining([...reasons]));
    expect(of({ runtime: 'other' }).env).not.toHaveProperty(variable);
  });
});
