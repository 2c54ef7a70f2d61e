import { randomBytes } from 'node:crypto';
import { Secret } from '../../model/secret.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import type { S3Options } from '../../runtime/stores/s3/client.ts';
import { IMAGES } from './images.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

interface RealS3 extends AsyncDisposable {
  readonly container: string;
  /** Has it die without a warning and begin again, with what it had. */
  readonly kill: () => Promise<void>;
  /** With an empty bucket. */
  readonly options: S3Options;
  readonly accessKey: string;
  readonly secretKey: string;
}

/**
 * A real S3 server in a container of its own, reachable from this host, and in a network under its own name where one is named.
 *
 * @param port - Of this host, for one that is to be killed: one that Docker chooses is another one afterwards.
 */
export async function startS3(name: string, network?: string, port = ''): Promise<RealS3> {
  const container = `berth-${name}-${process.pid}`;
  const accessKey = 'backups';
  const secretKey = randomBytes(16).toString('hex');
  const env = ['-e', `MINIO_ROOT_USER=${accessKey}`, '-e', `MINIO_ROOT_PASSWORD=${secretKey}`];
  await run([
    'docker',
    'run',
    '-d',
    '--rm',
    '--name',
    container,
    ...(network === undefined ? [] : ['--network', network]),
    '--shm-size',
    '256m',
    ...env,
    '-p',
    `127.0.0.1:${port}:9000`,
    IMAGES.minio.reference,
    'server',
    '/data',
  ]);
  const stop = async (): Promise<void> => void (await attempt(['docker', 'rm', '-f', '-v', container]));
  try {
    const address = (await run(['docker', 'port', container, '9000/tcp'])).split('\n')[0] ?? '';
    const endpoint = new URL(`http://${address}`);
    const answers = async () => (await fetch(endpoint, { signal: AbortSignal.timeout(5000) })).ok;
    const logs = async () => (await attempt(['docker', 'logs', '--tail', '30', container])).stderr;
    const ready = () => until(answers, `${endpoint.href} is ready`, { seconds: 300, everyMs: 1000, tell: logs });
    await ready();
    await run(['docker', 'exec', container, 'mc', 'alias', 'set', 'lab', 'http://127.0.0.1:9000', accessKey, secretKey]);
    await run(['docker', 'exec', container, 'mc', 'mb', 'lab/backups']);
    const kill = async (): Promise<void> => {
      await run(['docker', 'restart', '--time', '0', container]);
      await ready();
    };
    return { container, kill, accessKey, secretKey, options: optionsFor(endpoint, accessKey, secretKey), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const optionsFor = (endpoint: URL, accessKeyId: string, secretKey: string): S3Options => ({
  endpoint,
  bucket: 'backups',
  region: 'us-east-1',
  pathStyle: true,
  credentials: async () => ({ accessKeyId, secretAccessKey: new Secret(secretKey) }),
  clock: systemClock,
  random: Math.random,
  idleMs: 10_000,
  patienceMs: 30_000,
});
