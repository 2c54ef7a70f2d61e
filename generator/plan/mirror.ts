import type { ImageCatalogue } from '../../model/image-catalogue.ts';

/** `quay.io/minio/minio:1` → `registry.corp.example/mirror/minio/minio:1`: what copies images keeps their paths. */
const mirrored = (reference: string, registry: string): string => `${registry}/${reference.replace(/^(?:localhost|[^/]*[.:][^/]*)\//, '')}`;

/** The catalogue as a site with a registry of its own finds it. Images of applications are named by whoever releases them, and stay. */
export const mirrorImages = (images: ImageCatalogue, registry: string | undefined): ImageCatalogue =>
  registry === undefined
    ? images
    : Object.fromEntries(Object.entries(images).map(([key, image]) => [key, { ...image, reference: mirrored(image.reference, registry) }]));
