import type { Artifact } from '../../model/artifact.ts';
import { servedOf } from '../../model/stack-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';

/** The first release.yaml of a site; afterwards it belongs to deployments. */
export const renderFirstRelease = (spec: Pick<StackSpec, 'services' | 'target'>, templates: Templates): Artifact => ({
  path: 'release.yaml',
  content: fill(templates, 'site/release.yaml.hbs', 'yaml', {
    services: servedOf(spec),
    apply: spec.target === 'kubernetes' ? '`kubectl apply -k k8s/site`' : '`docker compose up -d --wait`',
  }),
  mode: 0o644,
  policy: 'once',
});
