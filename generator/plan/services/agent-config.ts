import { agentPlaces, recipientsFolder, signerFile, signersFile, storeKeyFile } from '../../../model/backup/site-files.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../../../model/runtime-config.ts';
import { nameOf, type AgentPlace } from './agent-container.ts';

/** As the agent reads it: the jobs that are its own, and everything under the path that it has in the container. */
export function agentConfig(site: RuntimeConfig & { readonly backups: BackupsConfig }, { name, own }: AgentPlace): RuntimeConfig {
  // The second copy is the business of the runtime on the host.
  const { offsite: _offsite, drill: _drill, ...backups } = site.backups;
  const { bucket } = backups.store;
  return {
    ...site,
    services: [],
    backups: {
      ...backups,
      store: {
        ...backups.store,
        ...(bucket === undefined
          ? {}
          : {
              bucket: {
                ...bucket,
                secretKey: `${agentPlaces.keys}/${nameOf(storeKeyFile)}`,
                ...(bucket.ca === undefined ? {} : { ca: agentPlaces.authority }),
              },
            }),
      },
      recipients: `${agentPlaces.backup}/${nameOf(recipientsFolder)}`,
      signer: `${agentPlaces.keys}/${nameOf(signerFile)}`,
      signers: `${agentPlaces.backup}/${nameOf(signersFile)}`,
      state: `${own}/state`,
      identity: `${own}/identity.key`,
      jobs: backups.jobs.filter(({ agent }) => agent === name).map(ownJob),
    },
  };
}

/** As its agent reads it: who may write is the business of a restore. */
const ownJob = ({ agent: _agent, bucket, ...job }: BackupJob): BackupJob => {
  if (bucket === undefined) return job;
  const { writer: _writer, ...read } = bucket;
  return { ...job, bucket: read };
};
