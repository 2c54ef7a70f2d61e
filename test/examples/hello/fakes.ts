import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createApp, type App, type World } from '../../../examples/hello/app/app.ts';
import type { Note } from '../../../examples/hello/app/note.ts';
import { Unavailable, type ServiceName, type Services } from '../../../examples/hello/app/services.ts';

/** The three dependencies in memory; put a code under a name in `down`, and that one answers with it until it is taken out. */
export class FakeServices implements Services {
  readonly down: Partial<Record<ServiceName, string>> = {};
  readonly pings: Record<ServiceName, number> = { database: 0, redis: 0, storage: 0 };
  readonly objects = new Map<string, Note>();
  readonly rows = new Map<string, Note>();
  reached = true;
  #visits = 0;
  #hits = 0;

  async #answer<T>(service: ServiceName, value: () => T): Promise<T> {
    const code = this.down[service];
    if (code === 'SILENT') return new Promise<T>(() => {});
    if (code !== undefined) throw new Unavailable(service, code);
    return value();
  }
  #ping(service: ServiceName): Promise<void> {
    this.pings[service] += 1;
    return this.#answer(service, () => {});
  }

  readonly database: Services['database'] = (() => {
    const isReached = (): boolean => this.reached;
    return {
      get reached() {
        return isReached();
      },
      ping: () => this.#ping('database'),
      countVisit: () => this.#answer('database', () => ++this.#visits),
      recordNote: (note) => this.#answer('database', () => void this.rows.set(note.key, note)),
      countNotes: () => this.#answer('database', () => this.rows.size),
      close: async () => {},
    };
  })();
  readonly cache: Services['cache'] = {
    ping: () => this.#ping('redis'),
    countHit: () => this.#answer('redis', () => ++this.#hits),
    close: async () => {},
  };
  readonly storage: Services['storage'] = {
    ping: () => this.#ping('storage'),
    put: (note) => this.#answer('storage', () => void this.objects.set(note.key, note)),
    latest: (most) =>
      this.#answer('storage', () =>
        [...this.objects.keys()]
          .sort()
          .slice(0, most)
          .map((key) => this.objects.get(key)!),
      ),
    remove: (note) => this.#answer('storage', () => void this.objects.delete(note.key)),
    close: async () => {},
  };
}

export interface Running extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
  readonly port: number;
  readonly services: FakeServices;
  /** What was logged, as objects. */
  readonly entries: Record<string, unknown>[];
}

/** The real HTTP server on a port of its own, on dependencies in memory. */
export async function runApp(overrides: Partial<World> = {}): Promise<Running> {
  const services = new FakeServices();
  const entries: Record<string, unknown>[] = [];
  const app = createApp({
    services,
    version: '1.4.0',
    slot: 'green',
    domain: 'hello.example.org',
    host: 'hello-green-1',
    poolSize: 7,
    log: (level, event, fields) => void entries.push({ level, event, ...fields }),
    now: () => new Date('2026-03-01T12:00:00.000Z'),
    elapsed: () => performance.now(),
    newId: () => crypto.randomUUID(),
    ...overrides,
  });
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const { port } = app.server.address() as AddressInfo;
  const stop = async (): Promise<void> => app.stop({ quietMs: 0, limitMs: 0 });
  return { app, url: `http://127.0.0.1:${port}`, port, services, entries, [Symbol.asyncDispose]: stop };
}
