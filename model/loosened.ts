/** Of the capabilities that Docker gives unasked, those that a service may be given back; the rest read or make what is not its own. */
const capabilities = ['CHOWN', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID', 'SYS_CHROOT'] as const;
export type Capability = (typeof capabilities)[number];

/** All of the hardening that a service can do without. Nobody runs as root or privileged, shares a namespace of the host or is given the engine's socket. */
export const loosenings = ['writableRoot', 'newPrivileges', ...capabilities] as const;
export type Loosening = (typeof loosenings)[number];

/** What of the hardening that every container has one does without, and why. */
export interface Loosened {
  readonly what: Loosening;
  readonly because: string;
}

export const isCapability = (what: Loosening): what is Capability => what !== 'writableRoot' && what !== 'newPrivileges';

/** Whether Pod Security lets it into a namespace of the level `restricted`. */
export const isRestricted = (what: Loosening): boolean => what === 'writableRoot' || what === 'NET_BIND_SERVICE';
