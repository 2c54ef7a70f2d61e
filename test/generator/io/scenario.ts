import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../../model/artifact.ts';
import { artifact, generate } from './site-fixture.ts';

/** A site as an earlier run left it, edited since. */
export function buildOldSite(site: string): void {
  generate(site, [
    artifact('compose.yaml', 'old\n', 'owned'),
    artifact('config/nginx/nginx.conf', 'one\ntwo\nthree\n'),
    artifact('config/gone/only.conf', 'gone\n'),
    artifact('config/same.conf', 'same\n'),
    artifact('secrets/web.env', 'A=1\n', 'secret', 0o600),
    artifact('SITE.md', 'loose\n'),
  ]);
  writeFileSync(join(site, 'config/nginx/nginx.conf'), 'ONE\ntwo\nthree\n');
  writeFileSync(join(site, 'mine.txt'), 'mine\n');
  chmodSync(join(site, 'SITE.md'), 0o640);
}

/** The next run: updates, merges, deletes with the folder, changes a mode, and creates in new folders. */
export const nextArtifacts: readonly Artifact[] = [
  artifact('compose.yaml', 'new\n', 'owned'),
  artifact('config/nginx/nginx.conf', 'one\ntwo\nTHREE\n'),
  artifact('config/same.conf', 'same\n'),
  artifact('config/database/a/my.cnf', 'fresh\n'),
  artifact('secrets/web.env', 'A=2\n', 'secret', 0o600),
  artifact('k8s/secrets/tls.key', 'key\n', 'secret', 0o444),
  artifact('k8s/site/kustomization.yaml', 'yours\n', 'once'),
  artifact('SITE.md', 'loose\n'),
];
