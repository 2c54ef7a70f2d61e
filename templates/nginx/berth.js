/*
 * Which slot of a service answers a request. The weights lie in shared memory, where all workers see them;
 * /etc/berth/weights/weights.json is read into it at the first request and once a second, so that a change needs no reload:
 *
 *   {"version":1,"services":{"web":{"blue":95,"green":5}}}
 *
 * A file that cannot be read or understood changes nothing. A service without weights has no live slot.
 *
 * A visitor is an address with a user agent and stays on one side as long as the weights allow: raising the weight of a slot
 * moves visitors to it and none away from it. Deployments ask for a slot with the header X-Berth-Slot, whatever its weight,
 * to try it before visitors come; the header is no protection and never reaches the application.
 */
import fs from 'fs';

const FILE = '/etc/berth/weights/weights.json';
const SLOTS = ['blue', 'green'];

const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The services of a weights file; throws when it is not one. */
function parse(text) {
  const file = JSON.parse(text);
  if (!isObject(file) || file.version !== 1 || !isObject(file.services)) throw new Error('expected {"version":1,"services":{…}}');
  Object.keys(file.services).forEach((service) => {
    const shares = file.services[service];
    if (!isObject(shares)) throw new Error(`${service}: expected the weights of blue and green`);
    Object.keys(shares).forEach((slot) => {
      const weight = shares[slot];
      if (!SLOTS.includes(slot)) throw new Error(`${service}: expected blue and green, got ${slot}`);
      if (typeof weight !== 'number' || !(weight >= 0 && weight <= 100)) throw new Error(`${service}: expected a weight from 0 to 100 for ${slot}`);
    });
  });
  return file.services;
}

/** Where a visitor stands between 0 and 100 (exclusive); evenly spread, and always the same. FNV-1a with the finish of MurmurHash3. */
function position(visitor) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < visitor.length; i++) hash = Math.imul(hash ^ visitor.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296 * 100;
}

/** The slot for a visitor; empty when none is live. `asked` counts when that slot has a weight, be it 0. */
function choose(services, service, visitor, asked) {
  if (!has(services, service)) return '';
  const shares = services[service];
  if (SLOTS.includes(asked) && has(shares, asked)) return asked;
  const green = shares.green || 0;
  const total = green + (shares.blue || 0);
  if (total === 0) return '';
  return position(visitor) < green * 100 / total ? 'green' : 'blue';
}

/** Bring the file into shared memory, if it is sound and says something new. A trouble is logged once, not every second. */
function refresh() {
  const shared = ngx.shared.berth;
  let text;
  try {
    text = JSON.stringify(parse(fs.readFileSync(FILE, 'utf8')));
  } catch (error) {
    if (shared.get('trouble') !== error.message) {
      shared.set('trouble', error.message);
      ngx.log(ngx.ERR, `weights: ${FILE}: ${error.message}; ${shared.has('weights') ? 'the last good ones stay in force' : 'no slot is live'}`);
    }
    return;
  }
  shared.delete('trouble');
  if (shared.get('weights') === text) return;
  shared.set('weights', text);
  ngx.log(ngx.WARN, `weights: now ${text}`);
}

/** Value of $berth_slot for the service in $berth_service. */
function slot(r) {
  const service = r.variables.berth_service;
  if (!service) return '';
  const shared = ngx.shared.berth;
  if (!shared.has('weights')) refresh();
  const weights = shared.get('weights');
  return weights ? choose(JSON.parse(weights), service, `${r.remoteAddress} ${r.headersIn['User-Agent'] || ''}`, r.variables.berth_operator ? r.headersIn['X-Berth-Slot'] : undefined) : '';
}

export default { choose, parse, position, refresh, slot };
