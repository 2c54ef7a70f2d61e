import type { Decision } from '../../../model/decision.ts';
import type { Plan } from '../../../model/plan.ts';
import type { AddressFilter } from '../../../model/route.ts';
import { fixed, settled } from './fixed.ts';
import type { Setting } from './fixed.ts';

/** Of nginx: each number that has no reason beside it in its file. */
const edge: readonly Setting[] = [
  ['resolver_timeout', '2s', 'a name that the DNS does not answer is as good as absent; the next answer is a moment away'],
  ['client_header_timeout', '10s', 'who sends the head of a request more slowly holds a connection for nothing'],
  ['client_body_timeout', '15s', 'between two pieces of a body; a slow line is faster than that'],
  ['send_timeout', '30s', 'between two pieces of an answer: a client that takes none is gone'],
  ['client_header_buffer_size', '2k', 'most requests fit; longer ones take the larger buffers'],
  ['large_client_header_buffers', '4 16k', 'cookies of single sign-on are long; more is refused'],
  ['keepalive_timeout', '65s', 'longer than the minute that load balancers commonly keep idle connections'],
  [
    'zones',
    '10m of addresses, 10m of TLS sessions, 64k of weights, 128k of each upstream',
    'a MB holds 8,000 addresses at least, or 4,000 sessions, as the manual of nginx has it',
  ],
  ['gzip', 'level 4, from 1024 bytes on', 'further levels cost CPU and save little; a shorter answer fits one packet as it is'],
  ['retry_after', '5 with a 429, 10 with a 503', 'in s: a client that was refused is told when to ask again'],
  [
    'upstream',
    'left for 5s after 3 failures, 32 idle connections of each worker, 16 to a store',
    'a replica that is gone is left alone for a moment; a connection is used again',
  ],
  ['store', '300s between two pieces of an object, 0 of it on a disk', 'large objects pass from and to slow lines, and straight through'],
  ['hsts', 'max-age=31536000', 'in s: a browser that was here once asks by TLS alone for a year, as the preload lists want it'],
  ['ssl_session_timeout', '1d', 'a visitor who comes back within the day need not shake hands anew'],
  ['proxy_buffers', '8 of 8k and 16k for headers, 32k on their way', 'what the worst case of its memory counts for each open request'],
];

const describeFilter = ({ allow, deny }: AddressFilter): readonly string[] => [
  ...(allow.length > 0 ? [`for ${allow.join(' ')} alone`] : []),
  ...(deny.length > 0 ? [`not for ${deny.join(' ')}`] : []),
];

/** What the spec says of the edge, and its routes. */
export function ofEdge(name: string, { edge: planned }: Plan): readonly Decision[] {
  return [
    ...settled(name, edge),
    fixed(
      `${name}.limit_conn`,
      String(planned.perAddress),
      'design: one client cannot take all connections; many visitors may stand behind one address',
      'edge.connections in berth.yaml',
    ),
    fixed(
      `${name}.proxy_next_upstream`,
      `${planned.tries} tries within 5s, 1s to connect`,
      'design: a replica of the same site answers at once or not at all',
      'the replicas of its services',
    ),
    ...(planned.deny.length > 0
      ? [fixed(`${name}.deny`, planned.deny.join(' '), 'what berth.yaml says: refused everywhere, with 403', 'edge.deny in berth.yaml')]
      : []),
    ...planned.apps.flatMap(({ service, routes }) =>
      routes.map((route) =>
        fixed(
          `${name}.${service}${route.path}`,
          [
            `${route.timeout}s for an answer`,
            `${route.body}m of body`,
            ...route.rateLimits.map(({ rate, burst }) => `${rate}, burst ${burst}`),
            ...(route.methods ? [`${route.methods.join(' ')} alone`] : []),
            ...(route.addresses ? describeFilter(route.addresses) : []),
          ].join(', '),
          'what berth.yaml says of the route, or its default: docs/reference/spec.md',
          `services.${service}.routes in berth.yaml`,
        ),
      ),
    ),
  ];
}
