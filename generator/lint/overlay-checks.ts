import type { Check } from './check.ts';
import type { Overlay } from './overlay.ts';

const check = (id: string, rule: string, reason: string, cure: string): Check<Overlay> => ({
  id,
  rule,
  reason,
  cure,
  find: ({ wrong }) => wrong.filter((one) => one.id === id),
});

export const checks = {
  base: check(
    'overlay-base',
    'the overlay stands over k8s/generated',
    'nothing of the site would be applied',
    'add ../generated to resources',
  ),
  field: check(
    'overlay-field',
    'every field of the overlay is one that kustomize knows',
    'kustomize refuses the whole folder',
    'correct its name',
  ),
  path: check(
    'overlay-path',
    'every file that the overlay names is there, below k8s/site',
    'kustomize refuses the whole folder',
    'correct the path, or add the file',
  ),
  image: check(
    'overlay-image',
    'every entry of images: is an image of the site',
    'the image would still come from where it came from',
    'write the name as k8s/generated has it, without tag, or remove the entry',
  ),
  target: check(
    'overlay-target',
    'every patch finds its object',
    'kustomize refuses it, or does nothing without a word',
    'correct kind and name, or remove it: `kubectl kustomize k8s/generated` shows what is there',
  ),
  patch: check(
    'overlay-patch',
    'every patch can be applied',
    'kustomize refuses the whole folder',
    'correct the patch: `kubectl kustomize k8s/site` shows what comes of it',
  ),
} as const;

export const overlayChecks: readonly Check<Overlay>[] = Object.values(checks);
