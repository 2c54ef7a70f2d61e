import { seaweedfs as facts } from '../../../model/engines/seaweedfs.ts';
import type { SecretFile } from '../../../model/planned-secret.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { StoreSpec } from '../../../model/store-spec.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { plainFile } from '../secret-file.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { backupSecret } from './copied-databases.ts';
import { planSeaweedfs } from './seaweedfs-containers.ts';
import { accountOf, administrator, backupAccountOf, schemeOf, trustOfGo } from './store-engine.ts';
import type { StoreEngine } from './store-engine.ts';

function demandSeaweedfs(store: StoreSpec, profile: HardwareProfile): Demand {
  const path = `stores.${store.name}`;
  return {
    name: store.name,
    role: 'storage',
    count: store.nodes,
    pids: 1024,
    memory: memoryWish(path, store, profile.storage.memory, { value: mib(1024), because: '1 GiB: some 29 uploads at once' }),
    cpu: cpuWish(path, store, profile.storage.cpu, milliCpu(100)),
  };
}

/** The file that says who may do what: all that the server reads about accounts, when it starts. */
function identitiesOf({ name, buckets }: StoreSpec, spec: StackSpec, copied: readonly string[]): SecretFile {
  const entry = (account: string, secret: string, actions: readonly string[]): SecretFile['text'] => [
    `\n  {"name": ${JSON.stringify(account)}, "actions": ${JSON.stringify(actions)}, "credentials": [{"accessKey": ${JSON.stringify(account)}, "secretKey": "`,
    { secret, form: 'plain' },
    '"}]}',
  ];
  const on = (actions: readonly string[], names: readonly string[]): readonly string[] =>
    names.flatMap((bucket) => actions.map((action) => `${action}:${bucket}`));
  const written = buckets.map((bucket) => bucket.name);
  const backup = backupSecret(name);
  return {
    name: `${name}-identities`,
    of: [`${name}-root`, `${name}-app`, ...(copied.length > 0 ? [backup] : [])],
    text: [
      '{"identities": [',
      ...entry(administrator, `${name}-root`, ['Admin', 'Read', 'Write', 'List', 'Tagging']),
      ',',
      ...entry(accountOf(spec), `${name}-app`, on(['Read', 'Write', 'List', 'Tagging'], written)),
      ...(copied.length > 0 ? [',', ...entry(backupAccountOf(spec), backup, on(['Read', 'List'], copied))] : []),
      '\n]}\n',
    ],
  };
}

export const seaweedfsEngine: StoreEngine = {
  image: 'seaweedfs',
  port: facts.port,
  region: facts.region,
  demand: demandSeaweedfs,
  plan: planSeaweedfs,
  secretFiles: (store, spec, copied) => [
    identitiesOf(store, spec, copied),
    plainFile(`${store.name}-root`),
    plainFile(`${store.name}-app`),
    ...(copied.length > 0 ? [plainFile(backupSecret(store.name))] : []),
  ],
  // The key goes by a pipe: words of a command are there to be read for all in the container.
  asks: ({ name, buckets }, spec) => ({
    attempt: buckets
      .map(
        ({ name: bucket }) =>
          `printf 'user = "%s"\\n' "$STORE_USER" | curl --config - --silent --show-error --fail --connect-timeout 2 --max-time 5 --aws-sigv4 aws:amz:${facts.region}:s3 "${schemeOf(spec)}://${name}:${facts.port}/${bucket}?list-type=2&max-keys=1"`,
      )
      .join(' && '),
    env: { HOME: '/tmp', ...trustOfGo(spec) },
    secretEnv: { STORE_USER: [`${accountOf(spec)}:`, { secret: `${name}-app` }] },
  }),
};
