import { describe, expect, test } from 'vitest';
import { parseEngine, readCompose, readEngine } from '../../../runtime/host/engine.ts';
import { scriptedView } from './scripted-view.ts';

const now = new Date('2026-12-01T12:00:00Z');
/** The fields of Docker 26.1 that count, as it prints them. */
const info = {
  ServerVersion: '26.1.5+dfsg1',
  Name: 'site-1',
  NCPU: 2,
  MemTotal: 25_276_518_400,
  DockerRootDir: '/var/lib/docker',
  Architecture: 'x86_64',
  CgroupVersion: '1',
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  SecurityOptions: ['name=seccomp,profile=builtin'],
  LiveRestoreEnabled: false,
  HttpProxy: '',
  HttpsProxy: '',
  SystemTime: '2026-12-01T12:00:04.928448875Z',
};

describe('what `docker info` prints', () => {
  test('is read field by field', () => {
    expect(parseEngine(JSON.stringify(info), now)).toEqual({
      version: '26.1.5+dfsg1',
      machine: 'site-1',
      cpus: 2000,
      memory: 24_105,
      root: '/var/lib/docker',
      architecture: 'x86_64',
      cgroups: '1',
      limits: { memory: true, swap: true, cpu: true, pids: true },
      security: ['name=seccomp,profile=builtin'],
      liveRestore: false,
      proxied: false,
      clockSkew: 5,
    });
  });

  test('of a client whose engine is down is that engine’s failure', () => {
    const text = JSON.stringify({ ServerErrors: ['Cannot connect to the Docker daemon at unix:///var/run/docker.sock.'] });
    expect(parseEngine(text, now)).toEqual({ notKnown: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' });
  });

  test.each(['', 'null', '[]', '{"ServerVersion":7}', 'not JSON'])('is not known when it is %j', (text) => {
    expect(parseEngine(text, now)).toHaveProperty('notKnown');
  });

  test('is read without a throw whatever types it has', () => {
    const odd = Object.fromEntries(Object.keys(info).map((key) => [key, key === 'ServerVersion' ? '1' : null]));
    expect(parseEngine(JSON.stringify(odd), now)).toMatchObject({ version: '1', cpus: 0, security: [] });
  });
});

test('the words of docker are the reason when it fails', async () => {
  const denied = { code: 1, stderr: 'permission denied while trying to connect to the Docker daemon socket\nmore\n' };
  const view = scriptedView({}, { 'docker info --format {{json .}}': denied, 'docker compose version --short': { code: 1 } });
  expect(await readEngine(view, () => now)).toEqual({ notKnown: 'permission denied while trying to connect to the Docker daemon socket' });
  expect(await readCompose(view)).toEqual({ notKnown: '`docker compose version` ended with 1' });
});

test('Compose says its version with or without a v', async () => {
  const compose = (text: string) => readCompose(scriptedView({}, { 'docker compose version --short': text }));
  expect([await compose('v2.26.1\n'), await compose('2.40.3\n')]).toEqual(['2.26.1', '2.40.3']);
});
