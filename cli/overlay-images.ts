import { parse } from 'yaml';
import { imageEntriesOf, rewriteImage } from '../generator/lint/images.ts';
import { overlayFile } from '../generator/lint/overlay.ts';
import type { Json } from '../generator/lint/check.ts';
import { readOverlayFiles } from '../generator/io/read-overlay.ts';
import type { ClusterNeeds } from '../model/cluster-needs.ts';
import { BerthError } from '../model/errors.ts';

/**
 * What `images:` of an overlay makes of an image.
 * @throws BerthError `io` when it is no YAML.
 */
export function imageRewriter(text: string): (reference: string) => string {
  let overlay: Json;
  try {
    overlay = parse(text) as Json;
  } catch (error) {
    throw new BerthError(
      'io',
      `${overlayFile} is no YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`,
      'correct it: `berth lint` shows what else is wrong in it',
      { cause: error },
    );
  }
  const entries = imageEntriesOf(overlay);
  return (reference) => rewriteImage(reference, entries);
}

/** The needs of a site with its images as they will be fetched: what `images:` of its overlay makes of them. */
export function withOverlayImages(needs: ClusterNeeds, site: string): ClusterNeeds {
  const rewrite = imageRewriter(readOverlayFiles(site).get(overlayFile) ?? '');
  return {
    ...needs,
    images: needs.images.map((image) => ({ ...image, reference: rewrite(image.reference) })),
    volumes: needs.volumes.map((volume) => (volume.image === undefined ? volume : { ...volume, image: rewrite(volume.image) })),
  };
}
