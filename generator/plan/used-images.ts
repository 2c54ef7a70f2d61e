import type { CatalogueImage, ImageCatalogue } from '../../model/image-catalogue.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';

/** Which catalogue images a plan uses, and who uses them. */
export function usedImages(services: readonly PlannedService[], catalogue: ImageCatalogue): Plan['images'] {
  // The agent of buckets may stand in an image of the operator's.
  const others = services.filter(({ role, image }) => role !== 'app' && (role !== 'agent' || Object.hasOwn(catalogue, image)));
  const keys = [...new Set([...others.map(({ image }) => image), ...services.flatMap(filling)])].sort();
  return keys.map((key) => ({
    key,
    ...lookUp(catalogue, key),
    usedBy: services.filter((service) => service.image === key || filling(service).includes(key)).map((service) => service.name),
  }));
}

/** What waits beside an application is of an image that others run in; what brings something has one of its own. */
const filling = ({ gates }: PlannedService): readonly string[] => gates.flatMap(({ image, fills }) => (fills === undefined ? [] : [image]));

/** An image that Berth's own files must have. */
export function lookUp(catalogue: ImageCatalogue, key: string): CatalogueImage {
  const image = catalogue[key];
  if (!image) throw new Error(`images.yaml has no image "${key}"`);
  return image;
}
