import { minio } from '../../../model/engines/minio.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { Dependency, Gate, PlannedService, SecretText, Size } from '../../../model/plan.ts';
import type { StackSpec, Use } from '../../../model/stack-spec.ts';
import { accountOf } from './minio.ts';

/** Runs `try` until it succeeds, three minutes at most. */
const waiting = (service: string, attempt: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `tries=0; until ${attempt} >/dev/null 2>/tmp/why; do tries=$((tries+1)); if [ $tries -ge 90 ]; then echo "${service} is not ready after three minutes; the application starts without: $(cat /tmp/why)" >&2; exit 0; fi; sleep 2; done`,
];

/** What a gate is made of: the size of a task, and the accounts that the images of the engines are made for. */
export interface ForGates {
  readonly task: Size;
  readonly images: { readonly postgres: string; readonly minio: string };
}

export interface Connection {
  readonly connects: PlannedService['connects'];
  readonly gates: readonly Gate[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly after: readonly Dependency[];
}

const databaseOf = (service: string, spec: StackSpec): string => spec.databases.find(({ name }) => name === service)?.database ?? spec.name;

/** A client of a database that logs in as the application does. */
export const clientOf = (service: string, spec: StackSpec, { task, images }: ForGates): Omit<Gate, 'name' | 'argv'> => {
  const name = databaseOf(service, spec);
  return {
    image: 'postgres',
    user: images.postgres,
    env: { PGHOST: service, PGPORT: String(postgres.port), PGUSER: name, PGDATABASE: name, PGCONNECT_TIMEOUT: '5' },
    secretEnv: { PGPASSWORD: [{ secret: `${service}-app` }] },
    size: task,
  };
};

/** What an application needs to know of one thing it uses: whole URLs, and for S3 its parts. */
export function connect(use: Use, spec: StackSpec, forGates: ForGates): Connection {
  const { task, images } = forGates;
  const done = (service: string): Dependency => ({ service, condition: 'service_completed_successfully', required: true });
  if (use.kind === 'database') {
    const name = databaseOf(use.service, spec);
    return {
      env: {},
      secretEnv: { [use.variable]: [`postgres://${name}:`, { secret: `${use.service}-app` }, `@${use.service}:${postgres.port}/${name}`] },
      after: [done(`${use.service}-accounts`)],
      connects: [{ service: use.service, port: postgres.port }],
      gates: [
        {
          name: `wait-for-${use.service}`,
          ...clientOf(use.service, spec, forGates),
          argv: waiting(use.service, "psql --no-psqlrc --quiet --command='SELECT 1'"),
        },
      ],
    };
  }
  // It comes up, degraded, while its cache is down.
  if (use.kind === 'cache')
    return {
      env: {},
      secretEnv: { [use.variable]: ['redis://app:', { secret: `${use.service}-app` }, `@${use.service}:${valkey.port}/0`] },
      after: [],
      connects: [{ service: use.service, port: valkey.port }],
      gates: [],
    };
  const buckets = spec.stores.find((store) => store.name === use.service)?.buckets ?? [];
  const [only] = buckets;
  return {
    env: {
      [`${use.variable}_ENDPOINT`]: `http://${use.service}:${minio.port}`,
      [`${use.variable}_REGION`]: minio.region,
      [`${use.variable}_ACCESS_KEY`]: accountOf(spec),
      ...(only && buckets.length === 1 ? { [`${use.variable}_BUCKET`]: only.name } : {}),
      ...Object.fromEntries(
        buckets.length > 1
          ? buckets.map((bucket) => [`${use.variable}_BUCKET_${bucket.name.toUpperCase().replaceAll('-', '_')}`, bucket.name])
          : [],
      ),
    },
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
    after: [done(`${use.service}-buckets`)],
    connects: [{ service: use.service, port: minio.port }],
    gates: [
      {
        name: `wait-for-${use.service}`,
        image: 'minio',
        user: images.minio,
        argv: waiting(use.service, buckets.map((bucket) => `mc --quiet ls app/${bucket.name}`).join(' && ')),
        env: { MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp', GOMAXPROCS: '1' },
        secretEnv: { MC_HOST_app: [`http://${accountOf(spec)}:`, { secret: `${use.service}-app` }, `@${use.service}:${minio.port}`] },
        size: task,
      },
    ],
  };
}
