import { BerthError } from '../../model/errors.ts';
import type { PlannedSecret } from '../../model/planned-secret.ts';
import { Secret } from '../../model/secret.ts';
import { addVersions } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/** Where the operator puts a secret that is somebody else's. */
export const suppliedPath = ({ name }: Pick<PlannedSecret, 'name'>): string => `secrets/supplied/${name}`;

/** What an env file can carry between single quotes. */
const forVariable = /^[^'\p{Cc}]*$/u;
const mostForVariable = 32 * 1024;

function problemOf({ name, supplied }: PlannedSecret, value: string): BerthError | undefined {
  const path = suppliedPath({ name });
  if (value === '') return new BerthError('spec', `${path} is empty`, `write the secret into it: \`printf %s 'VALUE' > ${path}\``);
  if (supplied === 'file' || (forVariable.test(value) && value.length <= mostForVariable)) return undefined;
  return new BerthError(
    'spec',
    `${path} holds what no variable can carry: a line break, a control character, a single quote, or more than ${mostForVariable / 1024} KiB`,
    'where it is a secret of a service, write deliver: file beside supplied: true in berth.yaml; a password is to be changed at its server',
  );
}

/**
 * Take over what the operator supplies: another content is another version, and a file that is gone leaves the last one in force.
 * `files` is what lies in the site, by path; one line break at the end of a file belongs to the editor.
 * @throws BerthError `spec` for a secret that cannot be handed over as it must.
 */
export function supplySecrets(ledger: Ledger, needed: readonly PlannedSecret[], files: ReadonlyMap<string, string>, now: Date): Ledger {
  const supplied = needed.flatMap((secret): readonly (readonly [string, Secret])[] => {
    const text = secret.supplied === undefined ? undefined : files.get(suppliedPath(secret));
    if (text === undefined) return [];
    const value = text.replace(/\r?\n$/, '');
    const problem = problemOf(secret, value);
    if (problem) throw problem;
    return ledger.secrets.get(secret.name)?.at(-1)?.reveal() === value ? [] : [[secret.name, new Secret(value)]];
  });
  return supplied.length === 0 ? ledger : addVersions(ledger, supplied, now);
}

/** Secrets that the site needs and nobody has supplied yet. */
export const awaitedSecrets = (ledger: Ledger, needed: readonly PlannedSecret[]): readonly PlannedSecret[] =>
  needed.filter(({ name, supplied }) => supplied !== undefined && !ledger.secrets.has(name));
