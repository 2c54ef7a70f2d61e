import { hostname } from 'node:os';
import { isKnown, notKnown } from '../../model/host-state.ts';
import type { EngineState, HostState, NotKnown, Seen } from '../../model/host-state.ts';
import type { HostNeeds } from '../../model/host-needs.ts';
import { readClock } from './clock.ts';
import { measureSync, readDisk } from './disk.ts';
import { readDns } from './dns.ts';
import { readEncryption } from './encryption.ts';
import { readCompose, readEngine } from './engine.ts';
import { readImages } from './images.ts';
import { readHugePages, readKernel, readOpenFiles, readSwap } from './kernel.ts';
import { readListeners, readRanges } from './network.ts';
import { readOutside } from './outside.ts';
import type { HostView } from './view.ts';
import { outputOf } from './view.ts';

export interface ReadOptions {
  readonly view: HostView;
  readonly now: () => Date;
  /** Counts milliseconds, to measure with. */
  readonly clock: () => number;
  /** The folder of the site: it may lie on the same disk as Docker's, where one may not write. */
  readonly folder: string;
  /** Makes the name of a file that nobody else has. */
  readonly id: string;
}

/** Why the files of this machine tell nothing about the one that the engine runs on; undefined when both are one. */
function elsewhere(engine: Seen<EngineState>): NotKnown | undefined {
  if (!isKnown(engine) || engine.machine === '' || engine.machine === hostname()) return undefined;
  return notKnown(`the engine runs on ${engine.machine}, and this is ${hostname()}: run \`berth doctor\` there`);
}

async function ownVolumes(view: HostView, site: string): Promise<Seen<number>> {
  const filter = `label=com.docker.compose.project=${site}`;
  const names = await outputOf(view, 'docker', 'volume', 'ls', '--quiet', '--filter', filter);
  return typeof names === 'string' ? names.split('\n').filter((name) => name !== '').length : names;
}

/** Everything that can be seen of the host of a Compose site. Changes nothing; the one file that is written to measure the disk is taken away again. */
export async function readHost(needs: HostNeeds, { view, now, clock, folder, id }: ReadOptions): Promise<HostState> {
  const engine = await readEngine(view, now);
  const away = elsewhere(engine);
  const root = isKnown(engine) ? engine.root : notKnown('it is not known where Docker keeps its data');
  const here = <T>(look: () => Seen<T>): Seen<T> => away ?? look();
  const below = <T>(look: (root: string) => Seen<T>): Seen<T> => (isKnown(root) ? here(() => look(root)) : root);
  const [compose, listeners, ranges, clockState, dns, encryption, volumes, images, outside] = await Promise.all([
    readCompose(view),
    away ?? readListeners(view),
    away ?? readRanges(view),
    away ?? readClock(view),
    away ?? readDns(view, needs.domain),
    isKnown(root) ? (away ?? readEncryption(view, root)) : root,
    ownVolumes(view, needs.site),
    isKnown(engine)
      ? readImages(
          view,
          needs.images.filter(({ builtHere }) => !builtHere).map(({ reference }) => reference),
          engine.proxied,
        )
      : notKnown('the engine does not answer'),
    away ?? readOutside(needs.outside),
  ]);
  const rootless = isKnown(engine) && engine.security.some((option) => option.startsWith('name=rootless'));
  return {
    engine,
    compose,
    disk: below((at) => readDisk(at)),
    volumes,
    syncLatency: below((at) => measureSync(at, [folder], id, clock)),
    listeners,
    ranges,
    kernel: away ? new Map([...readKernel(view).keys()].map((name) => [name, away])) : readKernel(view),
    hugePages: here(() => readHugePages(view)),
    swap: here(() => readSwap(view)),
    openFiles: here(() => readOpenFiles(view, rootless)),
    clock: clockState,
    dns,
    encryption,
    images,
    outside,
  };
}
