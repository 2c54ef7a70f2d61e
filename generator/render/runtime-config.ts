import type { Artifact } from '../../model/artifact.ts';
import type { Plan } from '../../model/plan.ts';
import type { BackupsConfig, RuntimeConfig } from '../../model/runtime-config.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';

/** runtime.yaml, the contract with the runtime. */
const renderRuntimeConfig = (path: string, config: RuntimeConfig, templates: Templates): Artifact => ({
  path,
  content: [
    fill(templates, 'site/runtime.yaml.hbs', 'yaml', {
      namespace: undefined,
      ...config,
      services: config.services.map((service) => ({ engine: undefined, port: undefined, ...service })),
    }),
    // Not every site has some, and every start reads the template above.
    ...(config.backups ? [fill(templates, 'site/runtime-backups.yaml.hbs', 'yaml', backupsView(config.backups))] : []),
  ].join(''),
  mode: 0o644,
  policy: 'owned',
});

/** That of the site, and those of its agents, each with the part that concerns it. */
export const renderRuntime = ({ runtime, agents }: Plan, templates: Templates): readonly [Artifact, ...Artifact[]] => [
  renderRuntimeConfig('runtime.yaml', runtime, templates),
  ...agents.map(({ service, config }) => renderRuntimeConfig(`config/${service}/runtime.yaml`, config, templates)),
];

/** With every field that the template asks for. */
const backupsView = ({ store, offsite, jobs, ...backups }: BackupsConfig): object => ({
  identity: undefined,
  drill: undefined,
  ...backups,
  places: Object.fromEntries(
    Object.entries({ store, ...(offsite && { offsite }) }).map(([name, place]) => [
      name,
      {
        folder: undefined,
        owner: undefined,
        schedule: undefined,
        timeZone: undefined,
        ...place,
        bucket: place.bucket && { ca: undefined, ...place.bucket },
      },
    ]),
  ),
  jobs: jobs.map(({ bucket, ...job }) => ({
    agent: undefined,
    database: undefined,
    keep: undefined,
    recipients: undefined,
    cache: undefined,
    volume: undefined,
    ...job,
    bucket: bucket && { writer: undefined, ...bucket },
  })),
});
