import type { ClusterFacts } from '../../model/cluster-facts.ts';
import { fail, pass, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const again = 'see `kubectl get events` for what kept it, and run `berth doctor --probe` again';

/** What was tried with `--probe`; nothing when nothing was. */
export const checkProbes = ({ images = [], writes = [] }: ClusterFacts): readonly Diagnosis[] => [
  ...images.map(({ reference, outcome, detail }) => {
    const [id, title] = [`image:${reference}`, 'Image'];
    if (outcome === 'done') return pass(id, title, `${reference} can be had`);
    const found = { id, title, found: `${reference}: ${detail}` };
    return outcome === 'unknown'
      ? warn(found, again)
      : fail(
          found,
          'push the image to a registry that the nodes reach, correct its name under `images:` in k8s/site/kustomization.yaml, or name a Secret with credentials as `kubernetes.pullSecret`',
        );
  }),
  ...writes.map(({ storageClass, uid, gid, outcome, detail }) => {
    const name = storageClass ?? 'the default class';
    const [id, title] = [`write:${storageClass ?? ''}:${uid}`, `Writing as ${uid}:${gid}`];
    if (outcome === 'done') return pass(id, title, `a volume of ${name} takes what ${uid}:${gid} writes`);
    const found = { id, title, found: `a volume of ${name}: ${detail}` };
    return outcome === 'unknown'
      ? warn(found, again)
      : fail(found, 'use a storage class whose driver honours fsGroup (NFS often does not), or have its export owned by that group');
  }),
];
