import type { Hit, Json } from './check.ts';

/** The overlay of a site: what its owner wrote over what Berth wrote. */
export interface Overlay {
  /** What `kubectl apply -k` would apply, as far as it could be worked out here. */
  readonly objects: readonly Json[];
  /** Objects that Berth did not write. They count where something refers to them, and are their owner's to judge. */
  readonly own: readonly Json[];
  /** Keys of Secrets that the overlay makes, as `namespace/name/key`. */
  readonly secrets: readonly string[];
  readonly wrong: readonly (Hit & { readonly id: string })[];
  /** What only kustomize itself can work out. */
  readonly unseen: readonly string[];
  /** `metadata.annotations.berth/lint-ignore` of the kustomization. */
  readonly ignores: Json;
}

export const overlayFile = 'k8s/site/kustomization.yaml';
export const overlayFolder = 'k8s/site';
export const overlayBase = 'k8s/generated';
/** How findings name it. */
export const overlayObject = `Kustomization ${overlayFolder}`;
