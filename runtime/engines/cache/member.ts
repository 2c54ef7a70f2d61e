import type { CacheConnection } from './connection.ts';

/** What a server says of itself. */
export interface MemberState {
  readonly role: 'primary' | 'replica';
  /** Of a replica: it has all that its primary sent. */
  readonly linked: boolean;
  readonly version: string;
  readonly replicationId: string;
  readonly offset: number;
  readonly usedMemory: number;
  /** How many keys each of its databases holds; of those that hold none nothing. */
  readonly keys: Readonly<Record<string, number>>;
  /** Of a cluster: which part of the keys, such as `0-5460`. */
  readonly slots: string | null;
}

export async function stateOf(connection: CacheConnection): Promise<MemberState> {
  const info = new Map(
    (await connection.ask('INFO'))
      .split(/\r?\n/)
      .map((line) => line.split(/:(.*)/s) as [string, string?])
      .map(([name, value]) => [name, value ?? '']),
  );
  const number = (name: string): number => Number(info.get(name) ?? 0);
  const role = info.get('role') === 'slave' ? 'replica' : 'primary';
  return {
    role,
    linked: role === 'primary' || (info.get('master_link_status') === 'up' && info.get('master_sync_in_progress') !== '1'),
    version: info.get('valkey_version') ?? info.get('redis_version') ?? '',
    replicationId: info.get('master_replid') ?? '',
    offset: number(role === 'replica' ? 'slave_repl_offset' : 'master_repl_offset'),
    usedMemory: number('used_memory'),
    keys: Object.fromEntries(
      [...info].flatMap(([name, value]) => (/^db\d+$/.test(name) ? [[name, Number(/keys=(\d+)/.exec(value)?.[1] ?? 0)] as const] : [])),
    ),
    slots: info.get('cluster_enabled') === '1' ? slotsOf(await connection.ask('CLUSTER', 'NODES')) : null,
  };
}

/** A line for each node: id, address, flags, primary, ping, pong, epoch, link, and the slots of one that serves any. A copy has those of its primary. */
export function slotsOf(nodes: string): string {
  const lines = nodes
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter((words) => words.length >= 8);
  const self = lines.find(([, , flags]) => flags?.split(',').includes('myself') === true);
  const primary = self?.[3] === '-' ? self : lines.find(([id]) => id === self?.[3]);
  return (primary ?? [])
    .slice(8)
    .filter((slots) => !slots.startsWith('['))
    .join(' ');
}

export const countKeys = (keys: MemberState['keys']): number => Object.values(keys).reduce((sum, count) => sum + count, 0);
