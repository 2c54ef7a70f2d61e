import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import type { ImageReference } from '../../model/image-reference.ts';
import { Secret } from '../../model/secret.ts';

export interface Login {
  readonly user: string;
  readonly password: Secret;
}

type Env = Readonly<Record<string, string | undefined>>;
type Fields = Readonly<Record<string, unknown>>;

/** Docker's own registry is known to `docker login` by an address of its first days. */
const knownAs = ({ registry }: ImageReference): string => (registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry);

const patience = 15_000;

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What `docker login` has kept, and `undefined` where nobody has logged in. */
function readConfig(path: string): Fields | undefined {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BerthError('io', `${path} cannot be read: ${message}`, 'see to its owner and mode; `docker login` writes it');
  }
  try {
    return fields(JSON.parse(content));
  } catch {
    throw new BerthError('io', `${path} is not JSON`, 'mend it, or remove it and run `docker login` again');
  }
}

/** Asks one of Docker's helper programs, which speak over standard input and output. */
const askHelper = (helper: string, server: string, env: Env): Promise<Login | undefined> =>
  new Promise((resolve, reject) => {
    const program = `docker-credential-${helper}`;
    const child = execFile(program, ['get'], { env, timeout: patience }, (error, stdout) => {
      if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
        return reject(
          new BerthError('io', `Docker keeps its logins with ${program}, which is not on the PATH`, 'install it, or log in without it'),
        );
      // It ends with an error where it knows no login as well.
      if (error) return resolve(undefined);
      try {
        const { Username, Secret: password } = fields(JSON.parse(stdout));
        resolve({ user: text(Username), password: new Secret(text(password)) });
      } catch {
        reject(
          new BerthError(
            'io',
            `${program} gave no answer that can be read`,
            `run \`docker logout ${server}\` and \`docker login ${server}\``,
          ),
        );
      }
    });
    child.stdin?.on('error', () => undefined).end(server);
  });

function fromText(auth: string): Login | undefined {
  const plain = Buffer.from(auth, 'base64').toString();
  const colon = plain.indexOf(':');
  return colon < 1 ? undefined : { user: plain.slice(0, colon), password: new Secret(plain.slice(colon + 1).replace(/\0+$/, '')) };
}

/** The login for the registry of an image, as `docker pull` would find it; `undefined` for one that was not logged in to. */
export async function loginFor(reference: ImageReference, env: Env): Promise<Login | undefined> {
  const folder = env['DOCKER_CONFIG'] || (env['HOME'] && join(env['HOME'], '.docker'));
  const config = folder ? readConfig(join(folder, 'config.json')) : undefined;
  if (!config) return undefined;
  const server = knownAs(reference);
  const helper = text(fields(config['credHelpers'])[server]) || text(config['credsStore']);
  if (helper !== '' && /^[A-Za-z0-9._-]+$/.test(helper)) return askHelper(helper, server, env);
  const auths = fields(config['auths']);
  const kept = fields(auths[server] ?? auths[`https://${server}`] ?? auths[`https://${server}/v1/`] ?? auths[`https://${server}/v2/`]);
  return fromText(text(kept['auth']));
}
