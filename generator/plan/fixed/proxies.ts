import type { Decision } from '../../../model/decision.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { settled } from './fixed.ts';
import type { Setting } from './fixed.ts';

/** Of HAProxy before a cache of several nodes. */
const proxy: readonly Setting[] = [
  ['timeouts', '2s to connect, 2s for a check, 1s for a name', 'nodes stand in the same site and answer in milliseconds'],
  ['idle', '1d', 'pools keep idle connections for as long as they like'],
  ['keepalive', '60s idle, 15s apart, 4 times', 'a client that is gone is noticed within two minutes'],
  ['check', 'every 1s, 500ms when in doubt, 2 failures, 1 success', 'a take-over is noticed within two seconds'],
  ['majority', '2 of 3 Sentinels, 14 bytes of an answer', 'two of three know which one was replaced; a shorter answer is none'],
];

/** Of nginx between services and the places that they may reach. */
const relay: readonly Setting[] = [
  ['worker_processes', '1', 'it copies bytes, and one thread copies more than a network brings'],
  ['worker_shutdown_timeout', '5s', 'pools connect anew; what is under way has a moment to end'],
  ['resolver', 'asked again after 10s', 'a place that moves is followed soon, and the DNS is not asked for every connection'],
  ['proxy_connect_timeout', '10s', 'a place outside may be far; one that is silent for so long is not there'],
  ['proxy_timeout', '1d', 'pools keep idle connections for as long as they like'],
  ['keepalive', '10m idle, 30s apart, 4 times', 'a client that is gone is noticed within a quarter of an hour'],
  ['map_hash_bucket_size', '512', 'a name may have 253 characters'],
];

/** What hands on bytes between a service and what it connects to. */
export const ofProxy = ({ name, role, image }: PlannedService): readonly Decision[] => [
  ...(role === 'relay' ? settled(name, relay) : []),
  ...(image === 'haproxy' ? settled(name, proxy) : []),
];
