import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recipientEndings, recipientsFolder } from '../../model/backup/site-files.ts';
import { usualSuite } from '../../model/backup/suites.ts';
import type { Plan } from '../../model/plan.ts';
import { realFileSystem } from './file-system.ts';
import { attempt } from './io-failure.ts';
import { readText } from './read-text.ts';

/** What a key of a ConfigMap may be made of. */
const fileName = /^[A-Za-z0-9._-]+\.(?:pem|pub)$/;
const least = 2;

export interface FoundKeys {
  /** By their paths in the site. */
  readonly files: ReadonlyMap<string, string>;
  /** What nobody but the operator can bring. */
  readonly missing: readonly string[];
}

/** What agents in a cluster are given of the operator: the public keys of recipients, and the authority of the store. Where none stands, nothing is read. */
export function readPublicKeys(site: string, { agents, services, kubernetes, runtime }: Plan): FoundKeys {
  if (agents.length === 0 || !kubernetes) return { files: new Map(), missing: [] };
  const names = attempt(`read ${recipientsFolder}`, () => {
    try {
      return readdirSync(join(site, recipientsFolder));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
  const recipients = names.filter((name) => fileName.test(name)).map((name) => `${recipientsFolder}/${name}`);
  const ofSuite = recipients.filter((path) => path.endsWith(recipientEndings[runtime.backups?.suite ?? usualSuite]));
  const authorities = new Set(
    services.flatMap(({ mounts }) => mounts.flatMap(({ source, from }) => (from === 'operator' ? [source] : []))),
  );
  const found = [...recipients.sort(), ...authorities].flatMap((path) => {
    const file = readText(site, path, realFileSystem);
    return file ? [[path, file.text] as const] : [];
  });
  const files = new Map(found);
  return {
    files,
    missing: [
      ...(ofSuite.length < least
        ? [
            'agents need the public keys of two recipients: `berth backup keys create`, `berth kit export`, then `berth generate`, which puts them into the manifests',
          ]
        : []),
      ...[...authorities]
        .filter((path) => !files.has(path))
        .map((path) => `${path} is not there, and agents know their store by it: put it there, then run \`berth generate\``),
    ],
  };
}
