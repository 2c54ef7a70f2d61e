import type { Artifact } from '../../model/artifact.ts';
import type { Plan } from '../../model/plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';

/** What a run may take to end by itself, and to be ended, twice a minute; and a little more. */
const grace = 150;

/** systemd/: on one host, what keeps the agent of the site's folder running, which needs nothing of a container. A template unit, as the folder is its instance. */
export const renderAgent = (plan: Plan, templates: Templates): readonly Artifact[] =>
  plan.runtime.backups === undefined
    ? []
    : [
        {
          path: `systemd/${plan.name}-agent@.service`,
          content: fill(templates, 'systemd/agent.service.hbs', 'markdown', { site: plan.name, grace }),
          mode: 0o644,
          policy: 'owned',
        },
      ];
