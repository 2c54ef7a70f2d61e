import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../model/secret.ts';
import { signHeaders } from '../../../runtime/stores/s3/sign.ts';

/** The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY') };
const host = 'examplebucket.s3.amazonaws.com';
const now = new Date('2013-05-24T00:00:00Z');
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a signed request', () => {
  test.each([
    ['GET', '/test.txt', {}, { range: 'bytes=0-9' }, '', 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    [
      'PUT',
      '/test%24file.text',
      {},
      { 'date': 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      'Welcome to Amazon S3.',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    ['GET', '/', { lifecycle: '' }, {}, '', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['GET', '/', { 'prefix': 'J', 'max-keys': '2' }, {}, '', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('%s %s %j has the signature of the specification', (method, path, query, headers, body, signature) => {
    const request = { method, path, query: query as Record<string, string>, headers: { host, ...headers }, bodyHash: hash(body) };
    const signed = signHeaders(request, credentials, 'us-east-1', now);
    expect(signed['authorization']).toContain(`Signature=${signature}`);
  });

  test('carries and signs the token of temporary credentials', () => {
    const request = { method: 'GET', path: '/', query: {}, headers: { host }, bodyHash: hash('') };
    const signed = signHeaders(request, { ...credentials, sessionToken: new Secret('token') }, 'us-east-1', now);
    expect(signed['x-amz-security-token']).toBe('token');
    expect(signed['authorization']).toContain('x-amz-security-token');
  });
});
