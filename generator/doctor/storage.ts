import type { ClusterFacts, StorageClassFacts } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { fail, listed, pass, unread, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const title = 'Storage class';

/** How a class treats what is written to its volumes: nothing of it keeps a site from running, all of it matters later. */
function qualities(storage: StorageClassFacts): readonly Diagnosis[] {
  const { name, allowVolumeExpansion, reclaimPolicy, volumeBindingMode } = storage;
  const judge = (id: string, about: string, good: boolean, found: string, cure: string): Diagnosis =>
    good ? pass(`${id}:${name}`, about, found) : warn({ id: `${id}:${name}`, title: about, found }, cure);
  return [
    judge(
      'storage-expansion',
      'Volumes can grow',
      allowVolumeExpansion,
      `${name} ${allowVolumeExpansion ? 'lets volumes grow' : 'does not let volumes grow'}`,
      `set \`allowVolumeExpansion: true\` on ${name} if its driver can, or make the volumes large enough from the start`,
    ),
    judge(
      'storage-reclaim',
      'Volumes are kept',
      reclaimPolicy === 'Retain',
      reclaimPolicy === 'Retain'
        ? `${name} keeps a volume whose claim is deleted`
        : `${name} deletes the data with the claim (reclaimPolicy ${reclaimPolicy})`,
      'use a class with `reclaimPolicy: Retain` for databases and stores, or guard the claims well',
    ),
    judge(
      'storage-binding',
      'Volumes follow pods',
      volumeBindingMode === 'WaitForFirstConsumer',
      `${name} makes a volume ${volumeBindingMode === 'WaitForFirstConsumer' ? 'where its pod is put' : 'before anybody knows where its pod will be'}`,
      'use a class with `volumeBindingMode: WaitForFirstConsumer`, unless its volumes can be reached from every node',
    ),
  ];
}

function find(name: string | undefined, classes: readonly StorageClassFacts[]): Diagnosis | StorageClassFacts {
  const names = classes.map((one) => one.name);
  const there = names.length > 0 ? `there is ${listed(names, 6)}` : 'there is none at all';
  if (name !== undefined)
    return (
      classes.find((one) => one.name === name) ??
      fail(
        { id: `storage-class:${name}`, title, found: `${name} does not exist; ${there}` },
        'write the name of one that exists as `kubernetes.storageClass` in berth.yaml, or create it',
      )
    );
  const defaults = classes.filter((one) => one.default);
  const [only] = defaults;
  if (!only)
    return fail(
      { id: 'storage-class', title, found: `no class is the default; ${there}` },
      'name one as `kubernetes.storageClass` in berth.yaml, or annotate one with storageclass.kubernetes.io/is-default-class: "true"',
    );
  return defaults.length > 1
    ? warn(
        { id: 'storage-class', title, found: `${listed(defaults.map((one) => one.name))} are all the default; the newest of them wins` },
        'name the one that you mean as `kubernetes.storageClass` in berth.yaml',
      )
    : only;
}

export function checkStorage({ storageClasses }: ClusterFacts, { volumes }: ClusterNeeds): readonly Diagnosis[] {
  if (volumes.length === 0) return [];
  if (storageClasses === 'unknown') return [unread('storage-class', title, 'storage classes')];
  return [...new Set(volumes.map(({ storageClass }) => storageClass))].flatMap((name) => {
    const found = find(name, storageClasses);
    if ('verdict' in found) return [found];
    const id = name === undefined ? 'storage-class' : `storage-class:${name}`;
    return [pass(id, title, `${found.name} by ${found.provisioner}${name === undefined ? ', the default' : ''}`), ...qualities(found)];
  });
}
