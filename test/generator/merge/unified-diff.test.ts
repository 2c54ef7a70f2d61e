import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unifiedDiff } from '../../../generator/merge/unified-diff.ts';
import { cpuTime } from '../../cpu-time.ts';

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`);
const hasPatch = spawnSync('patch', ['--version']).status === 0;

/** What the tool `patch` makes of a diff. */
function patched(before: string, diff: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-diff-'));
  try {
    writeFileSync(join(folder, 'f'), before);
    const run = spawnSync('patch', ['--silent', '--binary', 'f'], { cwd: folder, input: diff, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${run.stdout}${run.stderr}\n${diff}`);
    return readFileSync(join(folder, 'f'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a diff', () => {
  test('of the same text is empty', () => {
    expect(unifiedDiff('a\n', 'a\n', 'f')).toBe('');
  });

  test('names both sides and shows three lines around a change', () => {
    const lines = numbered(9);
    expect(unifiedDiff(lines.join(''), lines.with(4, 'mine\n').join(''), 'compose.yaml', { names: ['ours', 'on disk'] })).toBe(
      [
        '--- compose.yaml (ours)',
        '+++ compose.yaml (on disk)',
        '@@ -2,7 +2,7 @@',
        ' line 2',
        ' line 3',
        ' line 4',
        '-line 5',
        '+mine',
        ' line 6',
        ' line 7',
        ' line 8',
        '',
      ].join('\n'),
    );
  });

  test.each([
    [6, 1],
    [7, 2],
  ])('puts changes with %i lines between them into %i hunks', (between, hunks) => {
    const lines = numbered(20);
    const diff = unifiedDiff(
      lines.join(''),
      lines
        .with(4, 'mine\n')
        .with(5 + between, 'mine\n')
        .join(''),
      'f',
    );
    expect(diff.match(/^@@/gm)).toHaveLength(hunks);
  });

  test('names an empty range by the line before it', () => {
    expect(unifiedDiff('', 'a\n', 'f')).toContain('@@ -0,0 +1 @@\n+a\n');
    expect(unifiedDiff('a\n', '', 'f')).toContain('@@ -1 +0,0 @@\n-a\n');
  });

  test('says when the last line has no end', () => {
    expect(unifiedDiff('a\n', 'a', 'f')).toContain('-a\n+a\n\\ No newline at end of file\n');
  });

  test('is cut after so many lines, and counts the rest', () => {
    const diff = unifiedDiff('', numbered(500).join(''), 'f', { longest: 10 });
    expect(diff.split('\n')).toHaveLength(12);
    expect(diff).toMatch(/… 493 more lines\n$/);
  });

  test('of huge texts takes no time', () => {
    const start = cpuTime();
    const repeated = (seed: string): string =>
      Array.from({ length: 40_000 }, (_, index) => `${index % 3 === 0 ? '' : `${seed}${index}`}\n`).join('');
    unifiedDiff(repeated('a'), repeated('b'), 'f');
    expect(cpuTime() - start).toBeLessThan(1000);
  });

  test('shows control characters instead of sending them to the terminal', () => {
    expect(unifiedDiff('', 'a\r\n\u001b[31mred\n\tplain\u009b\n', 'f')).toContain('+a^M\n+^[[31mred\n+\tplain\ufffd\n');
  });

  test.runIf(hasPatch)('is understood by patch', () => {
    const text = fc
      .tuple(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 25 }), fc.boolean())
      .map(([lines, finished]) => lines.join('\n') + (finished && lines.length > 0 ? '\n' : ''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        fc.pre(before !== after && after !== '');
        expect(patched(before, unifiedDiff(before, after, 'f'))).toBe(after);
      }),
      { numRuns: 60 },
    );
  });
});
