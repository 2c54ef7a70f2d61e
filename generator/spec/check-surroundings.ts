import { parseRange } from '../../model/addresses.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { placeOf } from './resolve-service.ts';

const mostPort = 65_535;

function* checkPlaces(spec: WrittenSpec): Iterable<Finding> {
  const own = new Set([spec.services, spec.databases, spec.caches, spec.stores].flatMap((named) => Object.keys(named ?? {})));
  for (const [name, { egress }] of Object.entries(spec.services)) {
    const places = Array.isArray(egress) ? egress : [];
    for (const [index, text] of places.entries()) {
      const path = ['services', name, 'egress', index];
      const { host, port } = placeOf(text);
      if (port > mostPort) yield { path, message: `there is no port ${port}`, hint: `ports end at ${mostPort}` };
      else if (places.indexOf(text) < index) yield { path, message: `"${text}" stands twice`, hint: 'keep one of the two' };
      else if (own.has(host)) yield { path, message: `${host} is part of the site, not outside`, hint: 'name it under uses' };
      else if (/^[\d.]+(?:\/\d+)?$/.test(host) && !isRange(host))
        yield { path, message: `${host} is no address`, hint: 'write an address such as 10.4.0.17, or a subnet such as 10.4.0.0/16' };
    }
  }
}

const isRange = (text: string): boolean =>
  text
    .split('/')[0]
    ?.split('.')
    .every((part) => Number(part) < 256) === true && parseRange(text.includes('/') ? text : `${text}/32`) !== undefined;

/** What surrounds the site: places outside, and the proxy on the way there. */
export function* checkSurroundings(spec: WrittenSpec): Iterable<Finding> {
  yield* checkPlaces(spec);
  if (spec.proxy === undefined) return;
  if (Number(/:(\d+)\/?$/.exec(spec.proxy.url)?.[1] ?? 80) > mostPort)
    yield { path: ['proxy', 'url'], message: 'there is no such port', hint: `ports end at ${mostPort}` };
  const out = Object.values(spec.services).some(({ egress }) => egress === true || (Array.isArray(egress) && egress.length > 0));
  if (!out)
    yield {
      path: ['proxy'],
      message: 'no service may open connections to the outside, so none would use it',
      hint: 'add egress: true to those that may, or remove the proxy',
    };
}
