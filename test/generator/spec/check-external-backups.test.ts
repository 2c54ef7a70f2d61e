import { describe, expect, test } from 'vitest';
import { mib } from '../../../model/units.ts';
import { hello, onlyProblem, specOf } from './specs.ts';

const there = (backup: string, { engine = 'postgres', more = 'backups: { folder: /srv/backups }\n' } = {}): string =>
  hello.replace('engine: postgres }', `engine: ${engine}, external: { host: db.example.com, backup: ${backup} } }`) + more;
const backupOf = (backup: string) => specOf(there(backup)).externals[0]?.backup;

describe('the backup of a database that stands elsewhere', () => {
  test('is by an account of its own and with the log, unless it is said otherwise', () => {
    expect(backupOf('{}')).toEqual({ user: 'berth_backup', log: true });
    expect(backupOf('{ user: copier, log: false, disk: 40Gi, image: "docker.io/library/postgres:16" }')).toEqual({
      user: 'copier',
      log: false,
      disk: mib(40 * 1024),
      image: 'docker.io/library/postgres:16',
    });
    expect(backupOf('none')).toBe('none');
    expect(specOf(there('{}').replace(', backup: {}', '')).externals[0]).not.toHaveProperty('backup');
  });

  test.each([
    [there('yes'), 'expected none, or by whom it is copied: { user: berth_backup }'],
    [there('{ user: "a b" }'), 'expected an account: letters, digits and . _ @ -'],
    [there('{ log: weekly }'), 'expected true or false'],
    [there('{ image: "no image" }'), 'expected an image reference such as docker.io/library/postgres:16.9-trixie'],
    [there('{ image: docker.io/library/postgres }'), 'expected a tag that names one version'],
    [there('{ image: docker.io/library/postgres:latest }'), 'expected a tag that names one version'],
    [there('{ slot: mine }'), 'slot'],
    [there('{}', { engine: 'mongodb' }), 'a MongoDB that stands elsewhere is not copied yet: its oplog'],
    [there('{}', { engine: 'sqlserver' }), 'a SQL Server that stands elsewhere is not copied yet: it writes its backups to its own disk'],
    [there('{}', { more: '' }), 'external.backup: means nothing where there are no backups | add backups'],
    [
      there('{}', { more: 'backups: { folder: /srv/backups, databases: none }\n' }),
      'external.backup: means nothing where no database is copied | remove backups.databases: none',
    ],
  ])('is refused: %#', (text, problem) => {
    expect(onlyProblem(text)).toContain(problem);
  });

  test('counts where it is asked what a database needs, and one that is not copied does not', () => {
    const weekly = 'backups: { folder: /srv/backups, databases: { schedule: "30 1 * * 0", increments: "30 1 * * *" } }\n';
    expect(onlyProblem(there('{}', { engine: 'mysql', more: weekly }))).toContain('this site has database (mysql)');
    expect(specOf(there('none', { engine: 'mysql', more: weekly })).externals).toHaveLength(1);
    const cluster = 'target: kubernetes\nbackups: { folder: /srv/backups }\n';
    expect(onlyProblem(there('{}', { more: cluster }))).toContain('nothing would copy database');
    expect(specOf(there('none', { more: cluster })).externals).toHaveLength(1);
  });

  test.each(['mongodb', 'sqlserver'])('of %s may be somebody else’s', (engine) => {
    expect(specOf(there('none', { engine })).externals[0]?.backup).toBe('none');
  });

  test('in an image of its own has an agent of its own, whose name is nobody else’s', () => {
    const called = (name: string): string =>
      there('{ image: "docker.io/library/postgres:16" }').replaceAll(/\bdatabase\b(?=:|,| })/g, name);
    expect(onlyProblem(called('postgres'))).toContain('would be called agent-postgres, and something else is');
    expect(specOf(called('shop')).externals[0]?.name).toBe('shop');
  });
});
