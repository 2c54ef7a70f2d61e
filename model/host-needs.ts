import type { OutsidePlace } from './outside-place.ts';
import type { MiB, MilliCpu } from './units.ts';

/** What a plan asks of the host that its containers run on. */
export interface HostNeeds {
  /** The Compose project: what it holds already is its own. */
  readonly site: string;
  /** The largest limit of a container: Docker refuses one above its CPUs. */
  readonly largestCpu: { readonly service: string; readonly cpu: MilliCpu };
  /** Of all containers at their most, with what the host keeps. */
  readonly memory: MiB;
  /** What the machine was said to have when the site was sized for it. */
  readonly sizedFor?: { readonly cpus: MilliCpu; readonly memory: MiB };
  readonly disk: MiB;
  readonly ports: readonly number[];
  /** By the names of the networks. */
  readonly subnets: ReadonlyMap<string, string>;
  readonly images: readonly { readonly reference: string; readonly builtHere: boolean }[];
  readonly openFiles: { readonly service: string; readonly files: number };
  readonly domain: string;
  /** Services that reach out of the site. */
  readonly egress: readonly string[];
  /** Services of engines that fork to save, and that stall on transparent huge pages. */
  readonly forking: readonly string[];
  /** Engines that map their files piece by piece, and how many pieces they want. */
  readonly memoryMaps: readonly { readonly service: string; readonly maps: number }[];
  readonly outside: readonly OutsidePlace[];
}
