import { parseAllDocuments } from 'yaml';

/*
 * The API server of these tests is Kubernetes 1.20, OLDER than any that Berth writes for (1.25). What it lacks is here and nowhere else: three kinds whose
 * versions it serves under an older name, and fields that it does not know and drops without a word.
 */

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The same objects, under the name that they had before it was final. Their fields are the same. */
const older: Readonly<Record<string, string>> = {
  'batch/v1 CronJob': 'batch/v1beta1', // final in 1.21
  'policy/v1 PodDisruptionBudget': 'policy/v1beta1', // final in 1.21
  'autoscaling/v2 HorizontalPodAutoscaler': 'autoscaling/v2beta2', // final in 1.23
};

export const toOldKubernetes = <T extends Pick<Manifest, 'apiVersion' | 'kind'>>(manifest: T): T => ({
  ...manifest,
  apiVersion: older[`${manifest.apiVersion} ${manifest.kind}`] ?? manifest.apiVersion,
});

export const manifestsOf = (text: string): readonly Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);

/** Fields that came after 1.20, by the release in which each was there for everybody. What else a server does not keep, it should have kept. */
const unknownFields: readonly { readonly since: string; readonly kind: string; readonly path: string }[] = [
  { since: '1.23', kind: 'StatefulSet', path: 'spec.minReadySeconds' },
  { since: '1.27', kind: 'StatefulSet', path: 'spec.persistentVolumeClaimRetentionPolicy' },
  { since: '1.27', kind: 'CronJob', path: 'spec.timeZone' },
  { since: '1.27', kind: 'PodDisruptionBudget', path: 'spec.unhealthyPodEvictionPolicy' },
];
/** The same object without those fields: a server-side apply refuses what a client-side one drops. */
export const withoutUnknown = <T extends Manifest>(manifest: T): T => {
  const gone = unknownFields.filter(({ kind }) => kind === manifest.kind).map(({ path }) => path.replace('spec.', ''));
  return {
    ...manifest,
    ...(manifest.spec ? { spec: Object.fromEntries(Object.entries(manifest.spec).filter(([key]) => !gone.includes(key))) } : {}),
  };
};

export const isUnknown = (of: string, at: string): boolean => unknownFields.some(({ kind, path }) => kind === of && path === at);
