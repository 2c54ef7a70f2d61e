import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareHello } from './hello.ts';

/** Writes down what it is told; the rules of the bucket come from a file. */
const mc = `#!/bin/sh
folder=\${0%/*}
echo "$*" >>"$folder/told"
case "$*" in *'rule export'*) [ -e "$folder/rules" ] && cat "$folder/rules" ;; *'user info'*) exit 1 ;; esac
`;

// The image has a shell, coreutils and mc, and neither grep nor sed: what is found missing inside an \`if\` is only false.
describe('the script of the buckets of MinIO, with a client that writes down what it is told (mc: stand-in), and nothing but coreutils', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-minio-'));
  const path = join(folder, 'bin');
  let script = '';
  beforeAll(async () => {
    script = (await prepareHello({ profile: 'minimum' })).decision.merged.get('config/files-buckets/buckets.sh') ?? '';
    mkdirSync(path);
    writeFileSync(join(path, 'mc'), mc);
    chmodSync(join(path, 'mc'), 0o755);
    for (const name of ['cat', 'sleep']) symlinkSync(`/bin/${name}`, join(path, name));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const told = (rules: string | undefined): string => {
    rmSync(join(path, 'told'), { force: true });
    rmSync(join(path, 'rules'), { force: true });
    if (rules !== undefined) writeFileSync(join(path, 'rules'), rules);
    const own = script.replaceAll(/\/run\/secrets\/[\w-]+/g, '/dev/null');
    execFileSync('/bin/sh', ['-c', own], { env: { PATH: path, MINIO_ROOT_USER: 'root' }, stdio: ['ignore', 'ignore', 'pipe'] });
    return readFileSync(join(path, 'told'), 'utf8');
  };

  test.each([
    ['takes rules away that the spec no longer has', '{"Rules":[{"ID":"berth-1"}]}', true],
    ['leaves those of somebody else', '{"Rules":[{"ID":"theirs"}]}', false],
    ['finds none', undefined, false],
  ])('%s', (_, rules, removes) => {
    expect(told(rules).includes('ilm rule rm --all')).toBe(removes);
  });
});
