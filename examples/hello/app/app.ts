import type { Server } from 'node:http';
import v8 from 'node:v8';
import { echo, slow, upload } from './diagnostics.ts';
import { ticks } from './events.ts';
import { healthOf, type HealthDocument } from './health.ts';
import { createHttpServer, Refused, sendHtml, sendJson, sendText, type Handler, type Routes } from './http.ts';
import type { Log } from './log.ts';
import { addNote, listNotes, NOTES_SHOWN } from './notes.ts';
import { outcomeOf, startPage } from './page.ts';
import type { Services } from './services.ts';
import { Traffic, type DrainOptions } from './traffic.ts';
import { echoWebSocket } from './websocket.ts';

const PART_LIMIT_MS = 1500; // how long the page waits for any part of itself

/** Everything the application knows of the world, so that a test can hand it another one. */
export interface World {
  readonly services: Services;
  readonly version: string;
  readonly slot: string;
  readonly domain: string;
  readonly host: string;
  readonly poolSize: number;
  readonly log: Log;
  readonly now: () => Date;
  readonly elapsed: () => number;
  readonly newId: () => string;
}

export interface App {
  readonly server: Server;
  /** Keep serving until nobody asks any more, then stop; the process may end when this resolves. Asking twice is asking once. */
  stop(options?: Partial<Omit<DrainOptions, 'elapsed'>>): Promise<void>;
}

export function createApp(world: World): App {
  const { log, elapsed } = world;
  const traffic = new Traffic();
  const probePaths = new Set(['/livez', '/readyz', '/api/health']);
  const server = createHttpServer({ routes: routesOf(world, traffic), probePaths, traffic, log, elapsed });
  server.on('upgrade', echoWebSocket({ traffic, log }));

  let stopped: Promise<void> | undefined;
  const stop = async (quietMs: number, limitMs: number): Promise<void> => {
    log('info', 'draining');
    const ended = await traffic.drain({ quietMs, limitMs, elapsed });
    traffic.endStreams();
    const closed = new Promise<void>((resolve) => server.close(() => resolve())); // closes idle connections too
    const force = setTimeout(() => server.closeAllConnections(), ended === 'idle' ? 1000 : 0);
    await closed;
    clearTimeout(force);
    log('info', 'stopped', { because: ended });
  };
  return { server, stop: ({ quietMs = 3000, limitMs = 25_000 } = {}) => (stopped ??= stop(quietMs, limitMs)) };
}

function routesOf(world: World, traffic: Traffic): Routes {
  const { services, version, slot, host, poolSize, now } = world;
  const health = healthOf(world);
  return {
    '/': { GET: start(world, health) },
    '/livez': { GET: (exchange) => sendText(exchange, 200, 'ok') },
    '/readyz': {
      GET: (exchange) => {
        if (traffic.draining) sendText(exchange, 503, 'draining');
        else if (!services.database.reached) sendText(exchange, 503, 'the database was never reached');
        else sendText(exchange, 200, 'ready');
      },
    },
    '/api/health': {
      GET: async (exchange) => {
        const document = await health();
        sendJson(exchange, document.status === 'healthy' ? 200 : 503, document);
      },
    },
    '/api/visits': { GET: async (exchange) => sendJson(exchange, 200, { visits: await services.database.countVisit() }) },
    '/api/notes': { GET: listNotes(world) },
    '/notes': { POST: addNote(world) },
    '/api/env': {
      GET: (exchange) => {
        const heapLimitMiB = Math.round(v8.getHeapStatistics().heap_size_limit / 2 ** 20);
        sendJson(exchange, 200, { version, slot, host, heapLimitMiB, node: process.version, poolSize });
      },
    },
    '/events': { GET: ticks({ traffic, now }) },
    '/slow': { GET: slow },
    '/upload': { POST: upload },
    '/echo': { GET: echo, POST: echo },
    '/ws': {
      GET: ({ response }) => {
        response.setHeader('Upgrade', 'websocket');
        throw new Refused(426, 'This address speaks WebSocket only.'); // also what remains when a proxy did not pass the upgrade on
      },
    },
  };
}

function start({ services, version, slot, host, domain }: World, health: () => Promise<HealthDocument>): Handler {
  return async (exchange) => {
    const [visits, hits, notes, document] = await Promise.all([
      outcomeOf(PART_LIMIT_MS, services.database.countVisit()),
      outcomeOf(PART_LIMIT_MS, services.cache.countHit()),
      outcomeOf(PART_LIMIT_MS, services.storage.latest(NOTES_SHOWN)),
      health(),
    ]);
    sendHtml(exchange, 200, startPage({ version, slot, host, domain, visits, hits, notes, health: document }));
  };
}
