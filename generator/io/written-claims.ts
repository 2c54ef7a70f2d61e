import type { WrittenClaim } from '../../model/kubernetes-plan.ts';
import { leftClaims } from '../../model/left-claims.ts';
import { parseSize } from '../../model/units.ts';
import { readBelow } from './read-overlay.ts';

const folder = 'k8s/generated';

/** The object that has claims, and where their size stands in the text. */
const holders: readonly { readonly kind: WrittenClaim['kind']; readonly size: RegExp }[] = [
  { kind: 'StatefulSet', size: /^ {2}volumeClaimTemplates:\n(?:(?: {4}| {2}-).*\n)*? +storage: (.+)$/m },
  { kind: 'PersistentVolumeClaim', size: /^ +storage: (.+)$/m },
  { kind: 'Cluster', size: /^ {2}storage:\n {4}size: (.+)$/m },
];

function claimOf(object: string): WrittenClaim | undefined {
  const kind = /^kind: (.+)$/m.exec(object)?.[1];
  const name = /^metadata:\n {2}name: (.+)$/m.exec(object)?.[1]?.replaceAll('"', '');
  const holder = holders.find((each) => each.kind === kind);
  const size = parseSize(holder?.size.exec(object)?.[1]?.replaceAll('"', '') ?? '');
  const count = Number(/^ {2}(?:replicas|instances): (\d+)$/m.exec(object)?.[1] ?? 1);
  if (holder === undefined || name === undefined || size === undefined) return undefined;
  return { kind: holder.kind, name: holder.kind === 'PersistentVolumeClaim' ? name.replace(/-volume$/, '') : name, size, count };
}

/** How large each volume of a site in a cluster was asked for when it was written last; behind them those for which room was kept already. */
export function writtenClaims(site: string): readonly WrittenClaim[] {
  const objects = [...readBelow(site, folder, false)].flatMap(([path, text]) => (path.endsWith('.yaml') ? text.split(/^---$/m) : []));
  const kept = objects.map((object) => new RegExp(`^ {4}${leftClaims.annotation}: (.+)$`, 'm').exec(object)?.[1] ?? '');
  return [...objects.flatMap((object) => claimOf(object) ?? []), ...kept.flatMap((text) => leftClaims.read(text.replaceAll('"', '')))];
}
