import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';

/** Where engines look for the authority of one registry: Docker, then Podman and CRI-O. */
const folders = ['/etc/docker/certs.d', '/etc/containers/certs.d'];

function certificatesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.crt'))
      .sort()
      .map((name) => readFileSync(join(folder, name), 'utf8'));
  } catch {
    // Not there, or not to be read: then the engine of this user does not have it either.
    return [];
  }
}

/** Whom to believe for a registry: the authorities of Node and of the system, and those that the engines of this host were given for it. */
export const authoritiesFor = (host: string): readonly string[] => [
  ...new Set([...getCACertificates('default'), ...getCACertificates('system')]),
  ...folders.flatMap((folder) => certificatesIn(join(folder, host))),
];
