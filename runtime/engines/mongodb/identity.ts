import { BerthError } from '../../../model/errors.ts';
import type { Programs } from '../../ports/program.ts';
import type { MongoAccess } from './access.ts';
import { ask } from './shell.ts';

/** Which server it is that answers, and the facts that a restore depends on. */
export interface Identity {
  readonly replicaSet: string;
  readonly version: string;
  /** Up to which version its data use what is new: an older server could still read them. */
  readonly compatibility: string;
}

const identityScript = `  const hello = admin.runCommand({ hello: 1 });
  const build = admin.runCommand({ buildInfo: 1 });
  const { featureCompatibilityVersion } = admin.runCommand({ getParameter: 1, featureCompatibilityVersion: 1 });
  answer({ replicaSet: hello.setName || null, version: build.version, compatibility: featureCompatibilityVersion.version });`;

/** @throws BerthError `unsupported` when it keeps no log. */
export async function identify(programs: Programs, access: MongoAccess, signal: AbortSignal): Promise<Identity> {
  const found = await ask<Omit<Identity, 'replicaSet'> & { readonly replicaSet: string | null }>(programs, access, identityScript, signal);
  if (found.replicaSet === null)
    throw new BerthError(
      'unsupported',
      'this server of MongoDB is in no replica set, and writes no oplog that backups could follow',
      'start it with replication.replSetName, and begin the set by rs.initiate(): a set of one will do',
    );
  return { ...found, replicaSet: found.replicaSet };
}
