import { describe, expect, test } from 'vitest';
import { lackNotes, lacksIn, lacksJson } from '../../../cli/backup/lacks-view.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Verification } from '../../../model/backup/verification.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const now = new Date('2026-03-29T14:30:00Z'); // a Sunday
const nightly = { schedule: '30 1 * * *', timeZone: 'UTC' };
const weekly = { verify: { schedule: '7 4 * * 0', timeZone: 'UTC' } };
const database = {
  name: 'database',
  kind: 'postgres',
  agent: 'agent-postgres',
  ...nightly,
  database: { prove: '0 3 * * *' } as never,
} as const;
const folder = { name: 'site.configuration', kind: 'configuration', ...nightly } as const;
const cache = { name: 'cache', kind: 'valkey', agent: 'agent-cache', ...nightly } as const;

const made = (source: string, at: string, changes: Partial<Manifest> = {}): Manifest =>
  manifest({
    source,
    id: `01JD5Z5M2R${source.length}${at.replace(/\D/g, '').padEnd(15, '0').slice(0, 15)}`,
    startedAt: at,
    finishedAt: at,
    ...changes,
  });
const record = (at: string, level: Verification['level'], backups: readonly Manifest[]): Verification =>
  ({ at, level, result: 'sound', backups: backups.map(({ id }) => id) }) as unknown as Verification;
const lacks = (jobs: Parameters<typeof lacksIn>[0], good: readonly Manifest[], records: readonly Verification[] = []) =>
  lacksIn(jobs, weekly, { good, recordsOf: () => records }, now);
const whatOf = (...given: Parameters<typeof lacks>): readonly string[] => lacks(...given).map(({ source, what }) => `${what} of ${source}`);

describe('what a site lacks of its backups', () => {
  test('is nothing while all is done as the spec has it', () => {
    const [full, before] = [made('database', '2026-03-29T01:30:00.000Z'), made('database', '2026-03-20T01:30:00.000Z')];
    const copied = made('cache', '2026-03-29T01:30:00.000Z', { kind: 'cache' });
    const files = made('site.configuration', '2026-03-25T01:30:00.000Z', { kind: 'configuration' });
    const records = [record('2026-03-29T04:07:09.000Z', 1, [before]), record('2026-03-29T03:05:00.000Z', 3, [full])];
    expect(lacks([database, cache, folder], [before, full, copied, files], records)).toEqual([]);
  });

  test('is a first backup of each source that has no sound one, with its times and who makes it', () => {
    const found = lacks([database, folder], []);
    expect(lackNotes(found, now)).toEqual([
      'there is no sound backup of database, and that is to be done at "30 1 * * *" (UTC); see what agent-postgres says',
      'there is no sound backup of configuration, and that is to be done at "30 1 * * *" (UTC); see what its agent says',
    ]);
    expect(lacksJson(found)[0]).toEqual({ source: 'database', what: 'backup', since: null, ...nightly });
  });

  test('is a new backup of a cache or a database once a night went by without; the log alone makes none', () => {
    const late = '2026-03-28T01:29:00.000Z';
    const log = made('database', '2026-03-29T14:29:00.000Z', { kind: 'log' });
    const copied = made('cache', late, { kind: 'cache' });
    const proven = [record('2026-03-29T03:05:00.000Z', 3, [log])];
    expect(whatOf([database, cache], [made('database', late), log, copied], proven)).toEqual(['backup of database', 'backup of cache']);
    expect(lackNotes(lacks([cache], [copied]), now)).toEqual([
      'cache: the newest backup that is a whole was begun 37 h ago, and that is to be done at "30 1 * * *" (UTC); see what agent-cache says',
    ]);
    // That of the last night may still be under way.
    const running = '2026-03-28T01:30:10.000Z';
    expect(whatOf([database, cache], [made('database', running), log, made('cache', running, { kind: 'cache' })], proven)).toEqual([]);
  });

  test('is no new backup of files, which may not have changed for long', () => {
    const files = made('site.configuration', '2026-01-01T01:30:00.000Z', { kind: 'configuration' });
    expect(whatOf([folder], [files], [record('2026-03-29T04:08:00.000Z', 1, [files])])).toEqual([]);
  });

  test('is a comparison where one backup was not looked at for two weeks; none is asked of what is younger', () => {
    const files = ['2026-03-01', '2026-03-10', '2026-03-23'].map((day) =>
      made('site.configuration', `${day}T01:30:00.000Z`, { kind: 'configuration' }),
    );
    const [first, second] = files as [Manifest, Manifest];
    expect(whatOf([folder], files, [record('2026-03-22T04:08:00.000Z', 1, [first, second])])).toEqual([]);
    const found = lacks([folder], files, [record('2026-03-22T04:08:00.000Z', 1, [first])]);
    expect(lackNotes(found, now)).toEqual([
      'configuration: not all backups were compared with what was written since 7 days ago, and that is to be done at "7 4 * * 0" (UTC); see what its agent says',
    ]);
    expect(whatOf([folder], files.slice(2))).toEqual([]);
  });

  test('is a restore that was not tried since the night before last', () => {
    const fulls = ['2026-03-27', '2026-03-28', '2026-03-29'].map((day) => made('database', `${day}T01:30:00.000Z`));
    const tried = (at: string) => [record(at, 3, fulls)];
    expect(whatOf([database], fulls, tried('2026-03-28T03:10:00.000Z'))).toEqual([]);
    expect(lackNotes(lacks([database], fulls, tried('2026-03-27T03:10:00.000Z')), now)).toEqual([
      'database: the last restore was tried 2 days ago, and that is to be done at "0 3 * * *" (UTC); see what agent-postgres says',
    ]);
    // To compare bytes restores nothing.
    expect(whatOf([database], fulls, [record('2026-03-29T04:08:00.000Z', 1, fulls)])).toEqual(['restore of database']);
    expect(whatOf([database], fulls.slice(2))).toEqual([]);
  });
});
