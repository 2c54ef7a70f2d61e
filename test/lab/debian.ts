import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './process.ts';

const SOURCES = '/etc/apt/sources.list.d';

/** The archive this machine installs from, and the key it trusts for it. */
export interface DebianMirror {
  uri: string;
  signedBy: string;
}

/** Read the machine's own Debian source. @throws when there is none in deb822 form. */
export function mirror(): DebianMirror {
  for (const name of readdirSync(SOURCES).filter((file) => file.endsWith('.sources'))) {
    for (const stanza of readFileSync(`${SOURCES}/${name}`, 'utf8').split(/\n\s*\n/)) {
      const field = (key: string) => new RegExp(`^${key}:[ \\t]*(.+)$`, 'm').exec(stanza)?.[1]?.trim();
      const uri = field('URIs')?.split(/\s+/)[0];
      if (uri && /\/debian\/?$/.test(uri)) return { uri, signedBy: field('Signed-By') ?? '/usr/share/keyrings/debian-archive-keyring.gpg' };
    }
  }
  throw new Error(`no Debian source in ${SOURCES}/*.sources: the lab installs from the machine's own archive`);
}

/** Run apt-get without questions, waiting for another apt to finish. */
export const apt = (...args: string[]) =>
  run(['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Options::=--force-confold', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' },
  });

/** Make Debian 13 and unstable known to apt, pinned so low that nothing comes from them unless it is named. */
export async function knowNewerDebian(): Promise<void> {
  const { uri, signedBy } = mirror();
  const source = (suite: string, more = '') =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${signedBy}\n${more}`;
  // unstable's index is signed for a week only, and a frozen mirror may be older than that
  writeFileSync(`${SOURCES}/berth-lab.sources`, `${source('trixie')}\n${source('sid', 'Check-Valid-Until: no\n')}`);
  const pin = (suite: string, priority: number) => `Package: *\nPin: release n=${suite}\nPin-Priority: ${priority}\n`;
  writeFileSync('/etc/apt/preferences.d/berth-lab', `${pin('trixie', 100)}\n${pin('sid', 90)}`);
  await apt('update');
}

/** Make the sources of Debian 12 known to apt; where the machine is of another release, its packages too, pinned so low that nothing comes from it unless it is named. */
export async function knowDebian12(): Promise<void> {
  const { uri, signedBy } = mirror();
  const own = /^VERSION_CODENAME=bookworm$/m.test(readFileSync('/etc/os-release', 'utf8'));
  const types = own ? 'deb-src' : 'deb deb-src';
  writeFileSync(
    `${SOURCES}/berth-lab-12.sources`,
    `Types: ${types}\nURIs: ${uri}\nSuites: bookworm\nComponents: main\nSigned-By: ${signedBy}\n`,
  );
  if (!own) writeFileSync('/etc/apt/preferences.d/berth-lab-12', 'Package: *\nPin: release n=bookworm\nPin-Priority: 80\n');
  await apt('update');
}

/** Fetch with `apt-get download` or `source` into a folder that is there during `work`. Nothing is installed, so no service of it starts. */
export async function fetched<T>(verb: readonly string[], work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-lab-'));
  try {
    await run(['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', ...verb], { cwd: folder });
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Unpack the one package of a folder, beside it. @returns the folder of its files. */
export async function unpacked(folder: string): Promise<string> {
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  await run(['dpkg-deb', '-x', `${folder}/${archive}`, `${folder}/tree`]);
  return `${folder}/tree`;
}
