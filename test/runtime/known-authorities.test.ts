import { readFileSync, statSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { knownAuthorities } from '../../runtime/known-authorities.ts';

test('whom Node trusts is written down once, for this process alone', () => {
  const { file, text } = knownAuthorities();
  expect(text).toContain(rootCertificates[0]);
  expect(readFileSync(file, 'utf8')).toBe(text);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(knownAuthorities().file).toBe(file);
});
