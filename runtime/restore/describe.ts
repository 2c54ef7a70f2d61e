import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';

/** One line for each backup. */
export function describeManifest(manifest: Manifest): string {
  const { id, site, source, engine, kind, finishedAt, parent, label, streams, position } = manifest;
  const files = streams.map(({ name }) => name).join(' ');
  const rest = [
    parent === null ? '' : `after ${parent}`,
    position.to === null ? '' : `up to ${position.to}`,
    label === null ? '' : `"${label}"`,
  ];
  return [id, finishedAt, `${site}/${source}`, engine, kind, describeBytes(plainBytesOf(manifest)), files, ...rest]
    .filter((part) => part !== '')
    .join('  ');
}
