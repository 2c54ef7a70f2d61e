import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { attempt } from '../generator/io/io-failure.ts';
import { BerthError } from '../model/errors.ts';

/** An object as it would be applied. */
export type Manifest = Readonly<Record<string, unknown>>;

const overlay = 'k8s/site';
const secrets = 'k8s/secrets';

/** What `kubectl apply -k` would apply: the overlay of the site counts, so kubectl itself has to say. */
async function kustomized(site: string, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('kubectl', ['kustomize', overlay], { cwd: site, env: { ...env }, maxBuffer: 256 * 2 ** 20 }, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (error.code === 'ENOENT')
        reject(
          new BerthError(
            'unsupported',
            'diff needs kubectl, and it is not on the PATH',
            `install kubectl: it puts ${overlay} and k8s/generated together as \`kubectl apply -k\` does`,
            { cause: error },
          ),
        );
      else
        reject(
          new BerthError(
            'io',
            `kubectl cannot put ${overlay} together: ${stderr.trim().split('\n')[0] ?? ''}`,
            `correct ${overlay}/kustomization.yaml`,
            { cause: error },
          ),
        );
    });
  });
}

/** All objects of a text; a List is what it holds. */
function objectsOf(text: string, file: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document): readonly Manifest[] => {
    const [problem] = document.errors;
    if (problem)
      throw new BerthError('io', `${file} is no YAML: ${problem.message.split('\n')[0] ?? ''}`, 'correct it, or run `berth generate`');
    const value = document.toJS() as (Manifest & { readonly kind?: string; readonly items?: readonly Manifest[] }) | null;
    if (value === null || typeof value !== 'object') return [];
    return value.kind === 'List' ? (value.items ?? []) : [value];
  });
}

const nameOf = (object: Manifest): string => {
  const { name = '', namespace = '' } = (object['metadata'] ?? {}) as { readonly name?: string; readonly namespace?: string };
  return [object['apiVersion'], object['kind'], namespace, name].map(String).join(' ');
};

/** Everything that installing the site applies, each object once. @throws BerthError when kubectl is not there or refuses. */
export async function siteManifests(site: string, env: Readonly<Record<string, string | undefined>>): Promise<readonly Manifest[]> {
  if (!existsSync(join(site, overlay))) throw new BerthError('io', `${overlay} is not there`, 'run `berth generate`, which writes it');
  const folder = join(site, secrets);
  const files = existsSync(folder)
    ? attempt(`read ${secrets}`, () => readdirSync(folder))
        .filter((name) => name.endsWith('.yaml'))
        .sort()
    : [];
  const objects = [
    ...objectsOf(await kustomized(site, env), overlay),
    ...files.flatMap((name) =>
      objectsOf(
        attempt(`read ${secrets}/${name}`, () => readFileSync(join(folder, name), 'utf8')),
        `${secrets}/${name}`,
      ),
    ),
  ];
  const seen = new Set<string>();
  return objects.filter((object) => !seen.has(nameOf(object)) && seen.add(nameOf(object)));
}
