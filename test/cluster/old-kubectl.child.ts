import { run } from '../lab/process.ts';
import { manifestsOf, toOldKubernetes, withoutUnknown } from './old-kubernetes.ts';

/** `kubectl kustomize` for a server that is OLDER than Berth writes for: `berth diff` asks it what would be applied. */
const rendered = manifestsOf(await run(['kubectl', ...process.argv.slice(2)], { env: { PATH: process.env['PATH_OF_KUBECTL'] ?? '' } }));
process.stdout.write(rendered.map((one) => JSON.stringify(withoutUnknown(toOldKubernetes(one)))).join('\n---\n'));
