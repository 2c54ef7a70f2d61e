import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, copyFileSync, chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { apt, fetched, knowNewerDebian, unpacked } from './debian.ts';
import { attempt, locked, run, step, succeeds } from './process.ts';

const DAEMON_LOG = '/var/log/berth-lab-dockerd.log';
/** Outlives a run; what lies here is named by its version, or by a hash of what it was made of. */
export const CACHE = '/var/cache/berth-lab';
const SECOND_COMPOSE = `${CACHE}/compose-2.40`;

/** The account the tests run sites as: in group docker, not root. */
const OPERATOR = 'operator';

/** What the lab runs on. */
export interface Engine {
  engine: string;
  compose: string;
  /** Whether the engine was here before the lab came, so that its version is not the lab's choice. */
  found: boolean;
}

/** The lab makes a user, mounts and installs. @throws for anybody but root, before anything is done. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error('the lab needs root on Debian: it makes a user, mounts and installs; run `npm run test:lab` as root');
}

/**
 * Have a Docker Engine with Compose and buildx answering on the usual socket: the one that is there, else Debian 13's, installed and started here.
 *
 * @throws when this machine can neither reach an engine nor be given one; the message says which part is missing.
 */
export async function ensureEngine(): Promise<Engine> {
  requireRoot();
  return locked('engine', async () => {
    if (!(await answers())) {
      mayInstall();
      if (!existsSync('/usr/sbin/dockerd')) await step('install Docker Engine and Compose from Debian 13', installEngine);
      await step('start dockerd', startDaemon);
    }
    if (!(await succeeds(['docker', 'compose', 'version'])) || !(await succeeds(['docker', 'buildx', 'version']))) {
      mayInstall();
      await step('install Compose and buildx from Debian 13', installClients);
    }
    await ensureOperator();
    reservePorts();
    return {
      engine: await run(['docker', 'version', '--format', '{{.Server.Version}}']),
      compose: await run(['docker', 'compose', 'version', '--short']),
      found: !existsSync(DAEMON_LOG),
    };
  });
}

/**
 * Have a later Compose beside the engine's own, so that both pairings can be tried.
 *
 * @returns The standalone binary. With the folder it lies in as `DOCKER_CONFIG`, `docker compose` becomes this one as well.
 */
export async function ensureSecondCompose(): Promise<string> {
  const binary = `${SECOND_COMPOSE}/docker-compose`;
  return locked('compose', async () => {
    if (await succeeds([binary, 'version'])) return binary;
    mayInstall();
    return step('fetch a second Compose from Debian unstable', async () => {
      await knowNewerDebian();
      await fetched(['download', 'docker-compose/sid'], async (folder) => {
        const found =
          (await run(['find', await unpacked(folder), '-type', 'f', '-name', 'docker-compose', '-perm', '-u+x'])).split('\n')[0] ?? '';
        mkdirSync(`${SECOND_COMPOSE}/cli-plugins`, { recursive: true });
        copyFileSync(found, binary);
        chmodSync(binary, 0o755);
        rmSync(`${SECOND_COMPOSE}/cli-plugins/docker-compose`, { force: true });
        symlinkSync('../docker-compose', `${SECOND_COMPOSE}/cli-plugins/docker-compose`);
      });
      return binary;
    });
  });
}

/** Have `kubectl`, whose kustomize renders manifests without any cluster. */
export async function ensureKubectl(): Promise<void> {
  await locked('kubectl', async () => {
    if (await succeeds(['kubectl', 'version', '--client'])) return;
    mayInstall();
    await step('install kubectl from Debian 13', async () => {
      await knowNewerDebian();
      await apt('install', '-y', '--no-install-recommends', 'kubectl/trixie');
    });
  });
}

const answers = () => succeeds(['docker', 'version', '--format', '{{.Server.Version}}']);

export function mayInstall(): void {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID=debian$/m.test(release))
    throw new Error(
      'no Docker Engine with Compose answers here, or its second Compose or kubectl is missing, and the lab can install them only on Debian: run it there',
    );
}

async function installEngine(): Promise<void> {
  await knowNewerDebian();
  await apt(
    'install',
    '-y',
    '--no-install-recommends',
    ...['docker.io', 'docker-cli', 'docker-compose', 'docker-buildx', 'containerd'].map((name) => `${name}/trixie`),
    'iptables',
  );
}

async function installClients(): Promise<void> {
  await knowNewerDebian();
  await apt('install', '-y', '--no-install-recommends', 'docker-compose/trixie', 'docker-buildx/trixie');
}

async function startDaemon(): Promise<void> {
  const log = openSync(DAEMON_LOG, 'a');
  spawn('setsid', ['dockerd'], { detached: true, stdio: ['ignore', log, log] }).unref();
  for (let waited = 0; waited < 60; waited += 1) {
    if (await answers()) return;
    await sleep(1000);
  }
  throw new Error(`dockerd does not answer after a minute; the end of ${DAEMON_LOG}:\n${await run(['tail', '-n', '20', DAEMON_LOG])}`);
}

/** Published by the sites of the lab. They lie among those that the kernel gives to outgoing connections, one of which may have just such a port. */
const PORTS = '38000-38999';
const RESERVED_PORTS = '/proc/sys/net/ipv4/ip_local_reserved_ports';

function reservePorts(): void {
  const reserved = readFileSync(RESERVED_PORTS, 'utf8').trim();
  if (reserved.split(',').includes(PORTS)) return;
  try {
    writeFileSync(RESERVED_PORTS, [reserved, PORTS].filter((range) => range !== '').join(','));
  } catch (error) {
    // Of a container they are the host's; a test may then find one taken.
    process.stderr.write(`lab: the ports ${PORTS} are not reserved: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function ensureOperator(): Promise<void> {
  const { code, stdout } = await attempt(['id', '-nG', OPERATOR]);
  if (code !== 0) await run(['useradd', '--no-user-group', '--create-home', '--shell', '/bin/bash', OPERATOR]); // Debian has a group of that name already
  if (!stdout.trim().split(/\s+/).includes('docker')) await run(['usermod', '--append', '--groups', 'docker', OPERATOR]);
}
