import type { MiB, MilliCpu } from './units.ts';

/** What could not be read, and why. It is never taken for a yes or a no. */
export interface NotKnown {
  readonly notKnown: string;
}
export type Seen<T> = T | NotKnown;

export const notKnown = (why: string): NotKnown => ({ notKnown: why });
export const isKnown = <T>(seen: Seen<T>): seen is T => !(typeof seen === 'object' && seen !== null && 'notKnown' in seen);

/** What `docker info` tells of the engine and of the machine it runs on. */
export interface EngineState {
  readonly version: string;
  /** Name of that machine. */
  readonly machine: string;
  readonly cpus: MilliCpu;
  readonly memory: MiB;
  /** Folder with images, volumes and logs. */
  readonly root: string;
  readonly architecture: string;
  readonly cgroups: '1' | '2' | '';
  /** Which limits the kernel keeps to. */
  readonly limits: { readonly memory: boolean; readonly swap: boolean; readonly cpu: boolean; readonly pids: boolean };
  /** As Docker words them: `name=seccomp,profile=builtin`, `name=rootless`. */
  readonly security: readonly string[];
  readonly liveRestore: boolean;
  /** Whether it fetches images through a proxy. */
  readonly proxied: boolean;
  /** Its clock minus ours, in seconds. */
  readonly clockSkew: number;
}

/** A file system, as `statfs` tells. */
export interface DiskState {
  readonly folder: string;
  readonly size: MiB;
  readonly free: MiB;
  /** Of files and folders; 0 where the file system makes them as it needs them. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** How long a write of 4 KiB takes until it is on the disk; milliseconds. */
export interface SyncLatency {
  readonly folder: string;
  readonly writes: number;
  readonly median: number;
  readonly p99: number;
}

/** Somebody who listens on a port of the host. */
export interface Listener {
  readonly port: number;
  /** `nginx (process 812)`, `container shop-edge-1`; absent when nobody tells. */
  readonly by?: string;
  /** The Compose project whose container it is. */
  readonly project?: string;
}

/** A range of addresses that is in use. */
export interface TakenRange {
  /** `10.0.0.0/8`. */
  readonly range: string;
  /** `the route through eth0`, `Docker's network shop_data`. */
  readonly by: string;
  readonly project?: string;
}

/** Whether the clock is kept, and by what. `offset` is what that says the clock is off by, in seconds. */
export interface ClockState {
  readonly keeper: string;
  readonly synchronised: boolean;
  readonly offset?: number;
}

/** Whether what lies under Docker's folder is encrypted. `path` leads from the file system down to the disk: `/dev/mapper/data crypt, sda2 part, sda disk`. */
export interface EncryptionState {
  readonly encrypted: boolean;
  readonly path: string;
}

/** An image of the site: there, with its architecture, or not; where not, whether its registry answers. */
export interface ImageState {
  readonly reference: string;
  readonly architecture?: string;
  readonly registry?: Seen<{ readonly host: string; readonly answers: boolean; readonly detail: string }>;
}

export interface DnsState {
  readonly servers: readonly string[];
  /** Addresses of the site's domain; empty when it has none. */
  readonly domain: Seen<readonly string[]>;
}

/** The machine that a Compose site is to run on, as far as it could be seen. */
/** Whether a place elsewhere answers, as seen from the host. */
export interface OutsideState {
  readonly name: string;
  readonly answers: boolean;
  /** Why not, as the system calls it. */
  readonly detail: string;
}

export interface HostState {
  readonly engine: Seen<EngineState>;
  readonly compose: Seen<string>;
  readonly disk: Seen<DiskState>;
  /** How many volumes the site has there already: what they hold is no longer free. */
  readonly volumes: Seen<number>;
  readonly syncLatency: Seen<SyncLatency>;
  readonly listeners: Seen<readonly Listener[]>;
  readonly ranges: Seen<readonly TakenRange[]>;
  /** By their names: `vm.overcommit_memory`. */
  readonly kernel: ReadonlyMap<string, Seen<string>>;
  /** `always`, `madvise` or `never`. */
  readonly hugePages: Seen<string>;
  readonly swap: Seen<MiB>;
  /** Open files that a container may be given at most. */
  readonly openFiles: Seen<number>;
  readonly clock: Seen<ClockState>;
  readonly dns: Seen<DnsState>;
  readonly encryption: Seen<EncryptionState>;
  readonly images: Seen<readonly ImageState[]>;
  readonly outside: Seen<readonly OutsideState[]>;
}
