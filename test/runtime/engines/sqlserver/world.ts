import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../../model/secret.ts';
import { sqlserverLogSource } from '../../../../runtime/engines/sqlserver/log-source.ts';
import { sqlserverDifferential, sqlserverProducer } from '../../../../runtime/engines/sqlserver/producer.ts';
import { sqlserverScratch } from '../../../../runtime/engines/sqlserver/scratch.ts';
import { usualLimits } from '../../../../runtime/engines/table-facts.ts';
import type { Cut } from '../../../../runtime/ports/log-source.ts';
import type { Producer } from '../../../../runtime/ports/producer.ts';
import type { Restorable } from '../../../../runtime/ports/scratch-engine.ts';
import { manifest } from '../../format/manifests.ts';
import { ServerStandIn } from './server-stand-in.ts';

export const begin = Date.UTC(2026, 10, 22, 1);
const never = new AbortController().signal;

/** A stand-in for a server, and all that copies it and restores what was copied. */
export class World implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'berth-mssql-'));
  readonly exchange = join(this.folder, 'exchange');
  readonly server = new ServerStandIn(begin);
  #tags = 0;
  room = Infinity;
  readonly tools = {
    access: { host: 'database', port: 1433, user: 'berth_backup', password: new Secret('of-backup'), database: 'shop' },
    programs: this.server.programs,
    image: null,
    sleep: async () => undefined,
    exchange: this.exchange,
    tag: () => `t${(this.#tags += 1).toString(36)}`,
    room: async () => this.room,
    limits: usualLimits,
    quietMs: 900_000,
  };
  readonly full = sqlserverProducer(this.tools);
  readonly logs = sqlserverLogSource(this.tools);
  readonly scratch = sqlserverScratch({
    ...this.tools,
    folder: join(this.folder, 's'),
    memoryMiB: 2400,
    uid: 10_001,
    database: 'shop',
    edition: 'standard',
  });
  differential = (full: Restorable): Producer => sqlserverDifferential(this.tools, full);

  [Symbol.dispose] = (): void => rmSync(this.folder, { recursive: true, force: true });
}

/** Files and facts of what is produced, as a backup that can be restored. */
export async function madeBy(producer: Producer, kind: 'full' | 'increment' | 'log', id: string): Promise<Restorable> {
  await using snapshot = await producer.open(never);
  const files: Record<string, Buffer> = {};
  for await (const { name, bytes } of snapshot.streams) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    files[name] = Buffer.concat(chunks);
  }
  return {
    manifest: manifest({ engine: 'sqlserver', kind, id: id.padStart(26, '0'), ...(await snapshot.finish()) }),
    open: async function* (file) {
      await Promise.resolve();
      yield files[file] ?? Buffer.alloc(0);
    },
  };
}

/** The log of a cut, which has to be one. */
export async function logOf(cut: Cut, id: string): Promise<Restorable> {
  if (cut.kind !== 'log') throw new Error(`no log: ${JSON.stringify(cut)}`);
  return madeBy(cut.producer, 'log', id);
}
