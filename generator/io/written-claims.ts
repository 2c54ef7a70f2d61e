import type { WrittenClaim } from '../../model/kubernetes-plan.ts';
import { parseSize } from '../../model/units.ts';
import { readBelow } from './read-overlay.ts';

const folder = 'k8s/generated';

/** The service that an object holds the claim of, and where its size stands in the text. */
const holders: readonly { readonly kind: string; readonly size: RegExp }[] = [
  { kind: 'StatefulSet', size: /^ {2}volumeClaimTemplates:\n(?:(?: {4}| {2}-).*\n)*? +storage: (.+)$/m },
  { kind: 'PersistentVolumeClaim', size: /^ +storage: (.+)$/m },
  { kind: 'Cluster', size: /^ {2}storage:\n {4}size: (.+)$/m },
];

function* claimsIn(text: string): Iterable<readonly [service: string, claim: WrittenClaim]> {
  for (const object of text.split(/^---$/m)) {
    const kind = /^kind: (.+)$/m.exec(object)?.[1];
    const name = /^metadata:\n {2}name: (.+)$/m.exec(object)?.[1]?.replaceAll('"', '');
    const size = parseSize(
      holders
        .find((holder) => holder.kind === kind)
        ?.size.exec(object)?.[1]
        ?.replaceAll('"', '') ?? '',
    );
    const count = Number(/^ {2}(?:replicas|instances): (\d+)$/m.exec(object)?.[1] ?? 1);
    if (name !== undefined && size !== undefined)
      yield [kind === 'PersistentVolumeClaim' ? name.replace(/-volume$/, '') : name, { size, count }];
  }
}

/** How large each volume of a site in a cluster was asked for when it was written last, by the service or the volume of berth.yaml that it belongs to. */
export const writtenClaims = (site: string): ReadonlyMap<string, WrittenClaim> =>
  new Map([...readBelow(site, folder, false)].flatMap(([path, text]) => (path.endsWith('.yaml') ? [...claimsIn(text)] : [])));
