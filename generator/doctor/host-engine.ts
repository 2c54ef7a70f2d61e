import type { EngineState, HostState } from '../../model/host-state.ts';
import { isKnown } from '../../model/host-state.ts';
import { fail, listed, pass, unanswered, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Oldest versions that understand what Berth writes, and the oldest that its tests have run on. */
const engine = { least: [20, 10], tried: [26, 1] } as const;
/** `depends_on` with `required: false` came with Compose 2.20.2. */
const compose = { least: [2, 20, 2], tried: [2, 26] } as const;

/** Whether a version such as `26.1.5+dfsg1` is at least this one. */
function atLeast(version: string, least: readonly number[]): boolean {
  const numbers = (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);
  for (const [index, wanted] of least.entries()) {
    const found = numbers[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
}

interface Wanted {
  readonly id: string;
  readonly title: string;
  readonly least: readonly number[];
  readonly tried: readonly number[];
}

function judge(version: string, { id, title, least, tried }: Wanted, cure: string): Diagnosis {
  if (!atLeast(version, least))
    return fail({ id, title, found: `${version}, older than ${least.join('.')}, which the files of the site are made for` }, cure);
  return atLeast(version, tried)
    ? pass(id, title, version)
    : warn({ id, title, found: `${version}, older than ${tried.join('.')}, the oldest that was tried` }, cure);
}

const packages = 'the packages of Docker, or of Debian 13 or newer';

export function checkEngine({ engine: state }: HostState): readonly Diagnosis[] {
  const [id, title] = ['engine', 'Docker Engine'];
  if (isKnown(state)) return [judge(state.version, { id, title, ...engine }, `upgrade the engine: ${packages}`)];
  const why = state.notKnown;
  const cure = /not on the PATH/.test(why)
    ? `install Docker Engine and Compose: ${packages}`
    : /permission denied/i.test(why)
      ? 'have yourself added to the group docker (`sudo usermod -aG docker $USER`), log in again, and run `berth doctor` again'
      : 'start the engine (`sudo systemctl start docker`), and see `journalctl -u docker` when it does not stay up';
  return [fail({ id, title, found: why }, cure)];
}

export function checkCompose({ compose: version }: HostState): readonly Diagnosis[] {
  const [id, title] = ['compose', 'Docker Compose'];
  if (isKnown(version)) return [judge(version, { id, title, ...compose }, `upgrade Compose: ${packages}`)];
  return [fail({ id, title, found: version.notKnown }, `install Compose as a plugin of Docker: ${packages}`)];
}

const limitsRow = ['limits', 'Limits of containers'] as const;

/** A limit that the kernel does not keep to is dropped by Docker with a warning. */
function checkLimits({ limits }: EngineState): Diagnosis {
  const [id, title] = limitsRow;
  const missing = (['memory', 'cpu', 'pids'] as const).filter((limit) => !limits[limit]);
  if (missing.length === 0) return pass(id, title, 'memory, CPU and processes can be limited');
  const found = { id, title, found: `cannot be limited here: ${listed(missing.map((limit) => (limit === 'cpu' ? 'CPU' : limit)))}` };
  return fail(
    found,
    'turn the controllers on: cgroup v2 with systemd, or the kernel’s `cgroup_enable=memory`; for a rootless engine delegate them (`Delegate=cpu cpuset io memory pids`)',
  );
}

export function checkCgroups({ engine: state }: HostState): readonly Diagnosis[] {
  const [id, title] = ['cgroups', 'Control groups'];
  if (!isKnown(state)) return [unanswered(id, title), unanswered(...limitsRow)];
  const version = state.cgroups === '' ? 'an unknown version' : `version ${state.cgroups}`;
  return [
    state.cgroups === '2'
      ? pass(id, title, version)
      : warn(
          { id, title, found: version },
          'start the host with cgroup v2 (`systemd.unified_cgroup_hierarchy=1`): version 1 is on its way out',
        ),
    checkLimits(state),
  ];
}

export function checkLiveRestore({ engine: state }: HostState): readonly Diagnosis[] {
  const [id, title] = ['live-restore', 'Restart of the engine'];
  if (!isKnown(state)) return [unanswered(id, title)];
  if (state.liveRestore) return [pass(id, title, 'leaves the containers running (live-restore)')];
  return [
    warn(
      { id, title, found: 'stops every container, as live-restore is off' },
      'write `"live-restore": true` into /etc/docker/daemon.json and run `sudo systemctl reload docker`',
    ),
  ];
}
