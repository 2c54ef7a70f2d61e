import type { Artifact } from '../../model/artifact.ts';
import type { StorePlan } from '../../model/store-plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { viewOfSeaweedfs } from './seaweedfs-view.ts';

/** The script that starts the server, and that of the task that makes buckets, with what it reads. */
export function renderSeaweedfs(store: StorePlan, templates: Templates): readonly Artifact[] {
  const { start, task, rules } = viewOfSeaweedfs(store);
  const folder = `config/${store.service}`;
  return [
    generated(`${folder}/start.sh`, fill(templates, 'storage/seaweedfs.sh.hbs', 'shell', start)),
    generated(`${folder}-buckets/buckets.sh`, fill(templates, 'storage/seaweedfs-buckets.sh.hbs', 'shell', task)),
    ...rules.map(({ bucket, text }) => generated(`${folder}-buckets/lifecycle-${bucket}.xml`, text)),
  ];
}
