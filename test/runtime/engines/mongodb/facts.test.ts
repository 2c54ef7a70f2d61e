import { Script, createContext } from 'node:vm';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { mongodb } from '../../../../model/engines/mongodb.ts';
import { takeFacts } from '../../../../runtime/engines/mongodb/facts.ts';
import { identify } from '../../../../runtime/engines/mongodb/identity.ts';
import { ask } from '../../../../runtime/engines/mongodb/shell.ts';
import { identity, standIn } from './programs-stand-in.ts';

const signal = new AbortController().signal;
const access = { host: '/run/mongod.sock', port: 27_017, user: '', password: null };
const limits = { bytes: 1000, attempts: 3, pauseMs: 7 };
const indexes = [
  { v: 2, key: { _id: 1 }, name: '_id_' },
  { v: 2, key: { at: 1, by: -1 }, name: 'at_by', unique: true },
];

interface Collection {
  readonly rows: number;
  readonly size: number;
  readonly type?: string;
}
interface Asked {
  readonly aggregate?: string;
  readonly listDatabases?: number;
  readonly listIndexes?: string;
  readonly ping?: number;
  readonly hello?: number;
  readonly buildInfo?: number;
  readonly getParameter?: number;
  readonly pipeline?: readonly object[];
  readonly readConcern?: object;
}

/** A server as far as the scripts ask it something, in the shapes of the manual; mongosh itself was not to be had. */
class Server {
  readonly databases: Record<string, Record<string, Collection>> = {
    admin: { 'system.users': { rows: 2, size: 1 } },
    config: { settings: { rows: 1, size: 1 } },
    local: { 'oplog.rs': { rows: 9, size: 1 } },
    shop: {
      'orders': { rows: 12, size: 600 },
      'items': { rows: 3, size: 300 },
      'log': { rows: 7, size: 200 },
      'open orders': { rows: 0, size: 0, type: 'view' },
      'system.views': { rows: 1, size: 1 },
    },
  };
  readonly reads: Asked[] = [];
  pauses = 0;
  /** How often a collection comes in while it is looked. */
  busy = 0;
  refuses: string | undefined;

  run(script: string): string {
    let printed = '';
    const globals = {
      disableTelemetry: () => undefined,
      print: (line: string) => (printed += `${line}\n`),
      EJSON: { stringify: (value: unknown) => JSON.stringify(value) },
      process: { env: { BERTH_ADDRESS: 'mongodb://%2Frun%2Fmongod.sock/' } },
      require: () => ({ createHash }),
      sleep: () => (this.pauses += 1),
      connect: () => this.database('test'),
    };
    new Script(script).runInContext(createContext(globals));
    return printed;
  }

  private database(name: string): object {
    return {
      getSiblingDB: (other: string) => this.database(other),
      getCollectionInfos: () =>
        Object.entries(this.databases[name] ?? {}).map(([each, { type = 'collection' }]) => ({
          name: each,
          type,
          options: { viewOn: 'orders', pipeline: [] },
        })),
      runCommand: (command: Asked) => this.answer(name, command),
    };
  }

  private answer(name: string, command: Asked): object {
    if (this.refuses !== undefined)
      throw Object.assign(new Error('not authorized on admin to execute command'), { codeName: this.refuses });
    if (command.hello) return { setName: identity.replicaSet };
    if (command.buildInfo) return { version: identity.version };
    if (command.getParameter) return { featureCompatibilityVersion: { version: identity.compatibility } };
    if (command.listDatabases) return { databases: Object.keys(this.databases).map((each) => ({ name: each })) };
    if (command.listIndexes !== undefined) return { cursor: { firstBatch: indexes } };
    if (command.ping) {
      if (this.busy > 0) (this.databases['shop'] ?? {})[`new${(this.busy -= 1)}`] = { rows: 1, size: 1 };
      return { ok: 1, operationTime: { $timestamp: { t: 130, i: 2 } } };
    }
    const found = this.databases[name]?.[command.aggregate ?? ''];
    if (found === undefined) throw new Error(`no ${name}.${command.aggregate}`);
    if (JSON.stringify(command.pipeline).includes('$collStats')) return { cursor: { firstBatch: [{ size: found.size }] } };
    this.reads.push(command);
    return { cursor: { firstBatch: found.rows === 0 ? [] : [{ rows: found.rows, hash: 100 * found.rows }] } };
  }
}

const programsOf = (server: Server) => standIn(({ argv }) => ({ output: server.run(argv.at(-1) ?? '') })).programs;
const factsOf = (server: Server, ofSet = true) => takeFacts(programsOf(server), access, limits, ofSet, signal);

describe('the facts of a MongoDB', () => {
  test('are of one place of the oplog, which each read names, and of what an application made', async () => {
    const server = new Server();
    const { position, databases } = await factsOf(server);
    expect(position).toBe('130:2');
    expect(databases).toEqual([
      { name: 'admin', tables: [{ name: 'system.users', rows: '2', hash: null }], objects: [] },
      {
        name: 'shop',
        // The smallest are read, as long as all together are within the limit.
        tables: [
          { name: 'items', rows: '3', hash: '300' },
          { name: 'log', rows: '7', hash: '700' },
          { name: 'orders', rows: null, hash: null },
        ],
        objects: [...['items', 'log', 'orders'].flatMap((name) => [`index ${name}._id_`, `index ${name}.at_by`]), 'view open orders'].map(
          (name) => ({ name, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }),
        ),
      },
    ]);
    expect(server.reads.map(({ readConcern }) => readConcern)).toEqual(
      server.reads.map(() => ({ level: 'snapshot', atClusterTime: { $timestamp: { t: 130, i: 2 } } })),
    );
  });

  test('are of no place where a server stands by itself', async () => {
    const server = new Server();
    expect((await factsOf(server, false)).position).toBeNull();
    expect(server.reads[0]?.readConcern).toEqual({ level: 'local' });
  });

  test('are taken again while collections come and go, and are of no place when that does not end', async () => {
    const once = Object.assign(new Server(), { busy: 1 });
    expect([(await factsOf(once)).position, once.pauses]).toEqual(['130:2', 1]);
    const always = Object.assign(new Server(), { busy: 9 });
    expect([(await factsOf(always)).position, always.pauses]).toEqual([null, 2]);
  });

  test('are the same for the same documents, and an index with its fields in another order is another one', async () => {
    const [one, other] = [await factsOf(new Server()), await factsOf(new Server())];
    expect(one).toEqual(other);
    const hashes = one.databases[1]?.objects?.map(({ hash }) => hash) ?? [];
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  test('are asked for by the shell of the image, which reads no file of a user', async () => {
    const server = new Server();
    const { programs, calls } = standIn(({ argv }) => ({ output: server.run(argv.at(-1) ?? '') }));
    expect(await identify(programs, access, signal)).toEqual(identity);
    expect(calls[0]?.argv.slice(0, -1)).toEqual([mongodb.shell, '--nodb', '--quiet', '--norc', '--eval']);
    expect(calls[0]?.env['BERTH_ADDRESS']).toMatch(/^mongodb:\/\/%2Frun%2Fmongod\.sock\/\?directConnection=true/);
  });

  test('are an error with a cure where the server refuses the question', async () => {
    const server = Object.assign(new Server(), { refuses: 'Unauthorized' });
    await expect(
      ask(programsOf(server), { ...access, user: 'berth_backup' }, '  admin.runCommand({ ping: 1 });', signal),
    ).rejects.toMatchObject({
      kind: 'unreachable',
      hint: 'give berth_backup these roles on the database admin, as administrator of the server: backup, readAnyDatabase',
    });
  });
});
