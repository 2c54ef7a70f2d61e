import type { ClusterFacts } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { fail, pass, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** The newest minor version whose schemas Berth's manifests are checked against. */
export const newestTested = 36;

const id = 'version';
const title = 'Kubernetes version';

export function checkVersion({ version }: ClusterFacts, { minor }: ClusterNeeds): readonly Diagnosis[] {
  const found = { id, title, found: version.text };
  if (version.major !== 1 || version.minor > newestTested)
    return [
      warn(
        { ...found, found: `${version.text}, newer than 1.${newestTested}, the newest whose fields the manifests were checked against` },
        'run `berth diff` before you apply: it has the cluster itself check every object',
      ),
    ];
  if (version.minor < minor)
    return [
      fail(
        { ...found, found: `${version.text}, older than 1.${minor}, which the manifests are made for` },
        `upgrade the cluster to 1.${minor}, or write the version it has into berth.yaml as \`kubernetes.version\` and run \`berth generate\``,
      ),
    ];
  return [pass(id, title, found.found)];
}
