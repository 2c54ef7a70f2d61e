import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BerthError } from '../../../model/errors.ts';
import { mongodb } from '../../../model/engines/mongodb.ts';
import { Secret } from '../../../model/secret.ts';
import type { ProgramEnd } from '../../ports/program.ts';
import { again, refusalFrom, type Refusal } from '../refusals.ts';
import { tlsRefusals } from '../tls-mode.ts';

/** As whom, and where, a server is spoken to. */
export interface MongoAccess {
  /** A host, or the path of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** None for a server of our own that only we can reach. */
  readonly password: Secret | null;
  /** Whom to trust, where it is reached by TLS alone. */
  readonly ca?: { readonly file: string };
}

/** The address with the password in it, as all programs of the engine take it. This member alone is asked, whatever its set says of others. */
export function addressOf({ host, port, user, password, ca }: MongoAccess): Secret {
  const options = 'directConnection=true&appName=berth&serverSelectionTimeoutMS=15000';
  if (password === null) return new Secret(`mongodb://${encodeURIComponent(host)}/?${options}`);
  return new Secret(
    `mongodb://${encodeURIComponent(user)}:${encodeURIComponent(password.reveal())}@${host}:${port}/?${options}&authSource=admin${ca === undefined ? '' : `&${mongodb.verified}${ca.file}`}`,
  );
}

/** A file with the address, for programs that take a password from nothing else but their command line. Disposing of it deletes it. */
export interface LoginFile extends AsyncDisposable {
  readonly option: string;
}

/** @param purpose - One file for each that is at work at the same time; one that a killed agent has left is written over. */
export async function loginFile(folder: string, purpose: string, access: MongoAccess): Promise<LoginFile> {
  const path = join(folder, `login-${purpose}.yaml`);
  await rm(path, { force: true });
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(`uri: ${JSON.stringify(addressOf(access).reveal())}\n`);
  return { option: `--config=${path}`, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

const refusals: readonly Refusal<MongoAccess>[] = [
  {
    pattern: /Authentication failed|AuthenticationFailed|unable to authenticate/,
    cure: ({ user }) => `see that the password of ${user} is the one that the server knows`,
  },
  {
    pattern: /not authorized|Unauthorized|requires authentication/,
    cure: ({ user }) =>
      `give ${user} these roles on the database admin, as administrator of the server: ${mongodb.backup.roles.join(', ')}`,
  },
  ...tlsRefusals,
  {
    pattern: /oplog overflow|CappedPositionLost/,
    cure: () => 'its oplog holds less than what is written during a backup: raise replication.oplogSizeMB, or the disk of the database',
  },
  {
    pattern: /cannot dump with oplog while/,
    cure: () => 'it is tried again; make full backups at a time at which nobody renames collections',
  },
  {
    pattern:
      /server selection|ServerSelection|ECONNREFUSED|connection refused|ENOTFOUND|EAI_AGAIN|no such host|getaddrinfo|no reachable servers|timed? ?out/i,
    cure: ({ host, port }) => `see that the server runs and can be reached at ${host}, port ${port}`,
  },
  {
    pattern:
      /socket was unexpectedly closed|connection\(.*\) (?:closed|error)|ECONNRESET|EPIPE|InterruptedAtShutdown|NotWritablePrimary|EOF$/,
    cure: again,
  },
];

export const refusalOf = refusalFrom(refusals, mongodb.title, /^.*(?:Failed: |MongoServerError: |MongoNetworkError: )/);

/** For the end of a program that is a client of the server. */
export const explainEnd =
  (access: MongoAccess) =>
  ({ stderr }: ProgramEnd): BerthError | undefined =>
    refusalOf(stderr, access);
