import { isKnown } from '../../model/host-state.ts';
import type { HostState } from '../../model/host-state.ts';
import { fail, pass, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Seconds: from the first on, logs of two machines no longer fit together; from the second on, certificates and tokens are refused. */
const off = { warn: 1, fail: 60 } as const;
const keep =
  'have the clock kept by chrony or systemd-timesyncd, with a server that this host reaches: certificates, tokens and restore points rely on it';

export function checkHostClock({ clock, engine }: HostState): readonly Diagnosis[] {
  const [id, title] = ['clock', 'Clock'];
  const skew = isKnown(engine) ? Math.abs(engine.clockSkew) : 0;
  if (skew > off.fail) return [fail({ id, title, found: `the engine's clock is ${skew} s away from this one` }, keep)];
  if (!isKnown(clock)) return [unseen(id, title, clock, keep)];
  const away = Math.abs(clock.offset ?? 0);
  const amount = clock.offset === undefined ? '' : `, ${away.toFixed(away < 10 ? 3 : 0)} s off`;
  const found = { id, title, found: `${clock.synchronised ? 'kept' : 'not kept'} by ${clock.keeper}${amount}` };
  if (away > off.fail) return [fail(found, keep)];
  return [clock.synchronised && away <= off.warn ? pass(id, title, found.found) : warn(found, keep)];
}
