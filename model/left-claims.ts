import type { WrittenClaim } from './kubernetes-plan.ts';
import { formatSize, parseSize } from './units.ts';

const pattern = /^(StatefulSet|PersistentVolumeClaim|Cluster)\/(\S+) (\d+) x (\S+)$/;

/** How a quota says for which claims it keeps room that are no part of the site any more: `StatefulSet/database 1 x 150Gi`. */
export const leftClaims = {
  annotation: 'berth/left-claims',
  write: (claims: readonly WrittenClaim[]): string =>
    claims.map(({ kind, name, size, count }) => `${kind}/${name} ${count} x ${formatSize(size)}`).join(', '),
  /** What somebody has changed by hand into something else is left out. */
  read: (text: string): readonly WrittenClaim[] =>
    text.split(', ').flatMap((each) => {
      const [, kind, name, count, written = ''] = pattern.exec(each) ?? [];
      const size = parseSize(written);
      return kind === undefined || name === undefined || size === undefined
        ? []
        : [{ kind: kind as WrittenClaim['kind'], name, count: Number(count), size }];
    }),
};
