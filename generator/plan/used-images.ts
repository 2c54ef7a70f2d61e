import type { CatalogueImage, ImageCatalogue } from '../../model/image-catalogue.ts';
import type { Plan, PlannedService } from '../../model/plan.ts';

/** Which catalogue images a plan uses, and who uses them. */
export function usedImages(services: readonly PlannedService[], catalogue: ImageCatalogue): Plan['images'] {
  // The agent of buckets may stand in an image of the operator's.
  const others = services.filter(({ role, image }) => role !== 'app' && (role !== 'agent' || Object.hasOwn(catalogue, image)));
  const keys = [...new Set(others.map(({ image }) => image))].sort();
  return keys.map((key) => ({
    key,
    ...lookUp(catalogue, key),
    usedBy: services.filter((service) => service.image === key).map((service) => service.name),
  }));
}

/** An image that Berth's own files must have. */
export function lookUp(catalogue: ImageCatalogue, key: string): CatalogueImage {
  const image = catalogue[key];
  if (!image) throw new Error(`images.yaml has no image "${key}"`);
  return image;
}
