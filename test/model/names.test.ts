import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  containerPath,
  dnsLabel,
  envName,
  hostName,
  imageReference,
  serviceLabel,
  sitePath,
  splitImage,
  sqlName,
  urlPath,
} from '../../model/names.ts';

describe('splitImage', () => {
  test.each([
    ['app', { repository: 'app' }],
    ['app:1', { repository: 'app', tag: '1' }],
    ['registry:5000/app', { repository: 'registry:5000/app' }],
    ['registry:5000/app:1', { repository: 'registry:5000/app', tag: '1' }],
    ['app@sha256:0a', { repository: 'app', digest: 'sha256:0a' }],
    ['r:5000/a/b:1@sha256:0a', { repository: 'r:5000/a/b', tag: '1', digest: 'sha256:0a' }],
  ])('%s', (reference, expected) => {
    expect(splitImage(reference)).toEqual(expected);
  });
});

describe('the patterns of names', () => {
  const all = { dnsLabel, serviceLabel, hostName, sqlName, envName, urlPath, containerPath, sitePath, imageReference };

  test.each(Object.entries(all))('%s lets nothing pass that a file format reads as syntax', (_, pattern) => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom(
          '$',
          '"',
          "'",
          '`',
          '\\',
          ';',
          '{',
          '}',
          ' ',
          '\t',
          '\n',
          '\r',
          '\0',
          '#',
          '&',
          '|',
          '<',
          '>',
          '(',
          ')',
          '*',
          '?',
          '=',
          ',',
          '%',
          '\u2028',
        ),
        fc.string(),
        (before, character, after) => {
          expect(pattern.test(`${before}${character}${after}`)).toBe(false);
        },
      ),
    );
    for (const good of ['a', 'a1', '/a', './a', 'a:1']) if (pattern.test(good)) expect(pattern.test(`${good}\n`)).toBe(false);
  });

  test.each(Object.entries(all))(
    '%s answers at once, however long the text',
    (_, pattern) => {
      for (const long of ['a', '/', '.', '-', 'a.', 'a-', '/a', '/.', 'a/', '0:'].map((piece) => piece.repeat(50_000))) {
        pattern.test(`${long}!`);
        pattern.test(`./${long}!`);
        pattern.test(`/${long}!`);
      }
    },
    20_000,
  );
});
