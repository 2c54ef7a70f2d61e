import { isKnown } from '../../model/host-state.ts';
import type { EngineState, HostState } from '../../model/host-state.ts';
import { pass, unanswered, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const option = ({ security }: EngineState, name: string): string | undefined =>
  security.find((one) => one === `name=${name}` || one.startsWith(`name=${name},`));

const rows = {
  seccomp: ['seccomp', 'System calls'],
  confinement: ['confinement', 'AppArmor or SELinux'],
  users: ['users', 'Users of containers'],
} as const;

function checkSeccomp(engine: EngineState): Diagnosis {
  const [id, title] = rows.seccomp;
  const found = option(engine, 'seccomp');
  if (found !== undefined && !found.includes('unconfined')) return pass(id, title, 'filtered by seccomp');
  return warn(
    { id, title, found: 'containers may use every system call' },
    'remove `seccomp-profile` from /etc/docker/daemon.json, or run a kernel with CONFIG_SECCOMP',
  );
}

function checkConfinement(engine: EngineState): Diagnosis {
  const [id, title] = rows.confinement;
  const name = ['apparmor', 'selinux'].find((one) => option(engine, one) !== undefined);
  if (name !== undefined) return pass(id, title, `containers are confined by ${name === 'apparmor' ? 'AppArmor' : 'SELinux'}`);
  return warn(
    { id, title, found: 'nothing confines containers beyond their users and capabilities' },
    'turn on AppArmor (Debian, Ubuntu: package apparmor) or SELinux (`"selinux-enabled": true` in /etc/docker/daemon.json)',
  );
}

function checkUsers(engine: EngineState): Diagnosis {
  const [id, title] = rows.users;
  if (option(engine, 'rootless') !== undefined)
    return warn(
      { id, title, found: 'the engine runs without root; by default it then shows the edge one address for all clients' },
      'use the port driver that keeps addresses (`DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=slirp4netns`, or pasta with `implicit`): limits for each address count on it',
    );
  return pass(
    id,
    title,
    option(engine, 'userns') === undefined
      ? 'are users of the host; the site runs none as root'
      : 'are mapped to others of the host (userns-remap)',
  );
}

export const checkSecurity = ({ engine }: HostState): readonly Diagnosis[] =>
  isKnown(engine)
    ? [checkSeccomp(engine), checkConfinement(engine), checkUsers(engine)]
    : Object.values(rows).map(([id, title]) => unanswered(id, title));

export function checkEncryption({ encryption }: HostState): readonly Diagnosis[] {
  const [id, title] = ['encryption', 'Encryption of the data'];
  const cure = 'put Docker’s folder on a LUKS volume before the site holds data, or be sure that the disks encrypt themselves';
  if (!isKnown(encryption)) return [unseen(id, title, encryption, cure)];
  if (encryption.encrypted) return [pass(id, title, encryption.path)];
  return [warn({ id, title, found: `none below Docker’s folder: ${encryption.path}` }, cure)];
}
