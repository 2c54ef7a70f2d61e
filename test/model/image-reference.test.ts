import { describe, expect, test } from 'vitest';
import { parseReference, registryHost } from '../../model/image-reference.ts';

describe('an image reference', () => {
  test.each([
    ['nginx:1.30.6', 'registry-1.docker.io', { registry: 'docker.io', repository: 'library/nginx', tag: '1.30.6' }],
    ['berth/hello:0.1.0', 'registry-1.docker.io', { registry: 'docker.io', repository: 'berth/hello', tag: '0.1.0' }],
    ['docker.io/library/nginx:1', 'registry-1.docker.io', { registry: 'docker.io', repository: 'library/nginx', tag: '1' }],
    ['index.docker.io/nginx', 'registry-1.docker.io', { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' }],
    ['quay.io/minio/minio:1', 'quay.io', { registry: 'quay.io', repository: 'minio/minio', tag: '1' }],
    ['registry.example:5000/a', 'registry.example:5000', { registry: 'registry.example:5000', repository: 'a', tag: 'latest' }],
    ['localhost/a:2', 'localhost', { registry: 'localhost', repository: 'a', tag: '2' }],
    [
      'registry.example:5000/a/b:3@sha256:00',
      'registry.example:5000',
      { registry: 'registry.example:5000', repository: 'a/b', tag: '3', digest: 'sha256:00' },
    ],
  ])('%s is asked for at %s', (reference, host, parts) => {
    expect(parseReference(reference)).toEqual(parts);
    expect(registryHost(parseReference(reference))).toBe(host);
  });
});
