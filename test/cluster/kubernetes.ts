import { createHash } from 'node:crypto';
import { copyFileSync, chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { apt, fetched, knowDebian12, unpacked } from '../lab/debian.ts';
import { CACHE, mayInstall } from '../lab/engine.ts';
import { hash } from '../lab/images.ts';
import { locked, run, step, succeeds } from '../lab/process.ts';

/*
 * Debian ships kubectl alone, but the sources of it in Debian 12 are the whole of Kubernetes, with all it needs to be built. Those of later releases
 * hold kubectl alone. So the cluster of the tests is older than any that Berth writes for: `old-kubernetes.ts` says what that changes.
 */
export const KUBERNETES = '1.20.2';
const source = {
  version: '1.20.5+really1.20.2-1.1+deb12u1',
  file: 'kubernetes_1.20.5+really1.20.2.orig.tar.gz',
  sha256: 'b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc',
};
const programs = ['kube-apiserver', 'kube-controller-manager'];
const recipe = join(import.meta.dirname, 'build');
const go = '/usr/lib/go-1.19/bin/go';

/** @throws when the archive has another file than the one that was looked at. */
function checkSum(file: string): void {
  const found = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (found !== source.sha256)
    throw new Error(
      `${source.file} has the sum ${found}, and not ${source.sha256}: it is not what Debian 12 has; fetch it from another mirror`,
    );
}

async function build(folder: string): Promise<void> {
  await knowDebian12();
  const missing = [
    ...(existsSync(go) ? [] : ['golang-1.19-go/bookworm']),
    // gcc only recommends them.
    ...(existsSync('/usr/include/stdio.h') ? [] : ['libc6-dev']),
    ...['rsync', 'jq', 'make', 'gcc'].filter((name) => !existsSync(`/usr/bin/${name}`)),
  ];
  if (missing.length > 0) await apt('install', '-y', '--no-install-recommends', ...missing);
  const parts = `${folder}.new`;
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts, { recursive: true });
  // apt checks the signature of the description and the sums that it has.
  await fetched(['source', '--download-only', `kubernetes=${source.version}`], async (sources) => {
    const tarball = join(sources, source.file);
    checkSum(tarball);
    await fetched(['download', 'golang-github-modern-go-reflect2-dev/bookworm'], async (folder) => {
      const reflect2 = join(await unpacked(folder), 'usr/share/gocode/src/github.com/modern-go/reflect2');
      await run(['sh', join(recipe, 'build.sh'), tarball, KUBERNETES, reflect2, parts, ...programs]);
    });
  });
  await fetched(['download', 'etcd-server'], async (etcd) => {
    copyFileSync(join(await unpacked(etcd), 'usr/bin/etcd'), join(parts, 'etcd'));
    chmodSync(join(parts, 'etcd'), 0o755);
  });
  // Whole or not at all: a build that was stopped is none.
  renameSync(parts, folder);
}

/** Have the programs of a cluster. @returns the folder they lie in. */
export async function ensureKubernetes(): Promise<string> {
  const folder = join(CACHE, `kubernetes-${KUBERNETES}-${hash([recipe], `${source.sha256} ${programs.join(' ')} ${arch()}`)}`);
  return locked('kubernetes', async () => {
    if (await succeeds([join(folder, 'kube-apiserver'), '--version'])) return folder;
    mayInstall();
    await step(`build Kubernetes ${KUBERNETES} from the sources of Debian 12, some ten minutes on two cores`, () => build(folder));
    return folder;
  });
}
