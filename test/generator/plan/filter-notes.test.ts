import { describe, expect, test } from 'vitest';
import { filterNotes } from '../../../generator/plan/filter-notes.ts';
import { specOf, web } from '../spec/specs.ts';

const notesOf = (edge: string, target = 'compose') =>
  filterNotes(specOf(`${web('routes: [{ path: /, deny: [192.0.2.1] }]')}target: ${target}\nedge: ${edge}\n`));

describe('what the edge of one host cannot see', () => {
  test('is said with what to do, which is a proxy only where there is none', () => {
    expect(notesOf('{ hsts: false }')).toEqual([
      expect.stringMatching(/^Docker hands on .* or put a proxy in front and name it in edge\.trustedProxies$/),
    ]);
    expect(notesOf('{ trustedProxies: [192.0.2.7] }')).toEqual([
      expect.stringMatching(
        /^Docker hands on .*; let the names of the site lead to the proxies of edge\.trustedProxies alone, and have those come by IPv4$/,
      ),
    ]);
  });

  test('is no matter of a cluster', () => {
    expect(notesOf('{ hsts: false }', 'kubernetes')).toEqual([]);
  });
});
