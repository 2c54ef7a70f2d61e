import { recipientsFolder, signerFile, signersFile, stateFolder, storeKeyFile } from '../../model/backup/site-files.ts';
import type { PlannedService } from '../../model/plan.ts';
import { slots } from '../../model/release.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../../model/runtime-config.ts';
import type { BackupsSpec, StackSpec } from '../../model/stack-spec.ts';

/** A folder of some MiB is copied in seconds; a store may be slow, and retries for minutes. */
const timeout = 3600;

const job = (kind: BackupJob['kind'], { schedule, keep, recipients }: BackupsSpec['configuration'], timeZone: string): BackupJob => ({
  // No service has a dot in its name.
  name: `site.${kind}`,
  kind,
  schedule,
  timeZone,
  timeout,
  ...(keep === 'forever' ? {} : { keep }),
  ...(recipients === undefined ? {} : { recipients: [...recipients] }),
});

function backupsOf({ store, lease, timeZone, configuration, secrets, verify, prune }: BackupsSpec): BackupsConfig {
  return {
    store:
      'folder' in store
        ? { tier: 0, folder: store.folder, lease }
        : {
            tier: 1,
            bucket: {
              ...store.bucket,
              secretKey: storeKeyFile,
              ...(store.bucket.ca === undefined ? {} : { ca: store.bucket.ca.replace(/^\.\//, '') }),
            },
            lease,
          },
    recipients: recipientsFolder,
    signer: signerFile,
    signers: signersFile,
    state: stateFolder,
    jobs: [job('configuration', configuration, timeZone), job('secrets', secrets, timeZone)],
    verify: { schedule: verify, timeZone },
    prune: { schedule: prune, timeZone },
  };
}

/** What the runtime will find at the site, under the names that containers have there, and what it does. */
export const runtimeOf = (spec: StackSpec, services: readonly PlannedService[]): RuntimeConfig => ({
  version: 1,
  site: spec.name,
  target: spec.target,
  timezone: 'UTC',
  roles: spec.backups === undefined ? [] : ['agent'],
  ...(spec.backups === undefined ? {} : { backups: backupsOf(spec.backups) }),
  services: services
    .filter((service) => service.kind === 'server')
    .map((service) => ({
      name: service.name,
      role: service.role,
      ...(service.role === 'app' ? {} : { engine: service.image }),
      hosts: service.slotted ? slots.map((slot) => `${service.name}-${slot}`) : [service.name],
      ...(service.port === undefined ? {} : { port: service.port }),
    })),
});
