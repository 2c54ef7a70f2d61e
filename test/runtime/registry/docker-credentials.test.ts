import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseReference } from '../../../model/image-reference.ts';
import { loginFor } from '../../../runtime/registry/docker-credentials.ts';
import { temporarySite } from '../../generator/io/site-fixture.ts';

const own = parseReference('registry.example:5000/team/app:1');
const auth = Buffer.from('reader:s3cret').toString('base64');

/** A home in which Docker keeps this. */
function home(config: unknown) {
  const folder = temporarySite();
  mkdirSync(join(folder.path, '.docker'));
  writeFileSync(join(folder.path, '.docker/config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return {
    path: folder.path,
    env: { HOME: folder.path, PATH: `${folder.path}:/usr/bin:/bin` },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe('the login for a registry', () => {
  test.each([
    { reference: own, key: 'registry.example:5000' },
    { reference: own, key: 'https://registry.example:5000' },
    { reference: parseReference('nginx:1'), key: 'https://index.docker.io/v1/' },
  ])('is the one that docker login kept as $key', async ({ reference, key }) => {
    using docker = home({ auths: { [key]: { auth } } });
    const login = await loginFor(reference, docker.env);
    expect(login?.user).toBe('reader');
    expect(login?.password.reveal()).toBe('s3cret');
    expect(JSON.stringify(login)).not.toContain('s3cret');
  });

  test('is none where nobody has logged in, nor for another registry', async () => {
    expect(await loginFor(own, { HOME: '/nonexistent' })).toBeUndefined();
    expect(await loginFor(own, {})).toBeUndefined();
    using docker = home({ auths: { 'other.example': { auth } } });
    expect(await loginFor(own, docker.env)).toBeUndefined();
  });

  test('comes from the program that Docker was told to keep it with', async () => {
    using docker = home({ credHelpers: { 'registry.example:5000': 'stand-in' } });
    const program = join(docker.path, 'docker-credential-stand-in');
    writeFileSync(
      program,
      '#!/bin/sh\nread server\n[ "$server" = registry.example:5000 ] && echo \'{"Username":"reader","Secret":"s3cret"}\'\n',
    );
    chmodSync(program, 0o755);
    expect((await loginFor(own, docker.env))?.password.reveal()).toBe('s3cret');
    writeFileSync(program, '#!/bin/sh\necho credentials not found; exit 1\n');
    expect(await loginFor(own, docker.env)).toBeUndefined();
    writeFileSync(program, '#!/bin/sh\necho what\n');
    await expect(loginFor(own, docker.env)).rejects.toThrow('no answer that can be read');
  });

  test('is refused in words when that program is missing, or what Docker kept cannot be read', async () => {
    using missing = home({ credsStore: 'nowhere' });
    await expect(loginFor(own, missing.env)).rejects.toThrow('docker-credential-nowhere, which is not on the PATH');
    using broken = home('{');
    await expect(loginFor(own, broken.env)).rejects.toThrow('is not JSON');
  });
});
