import { expect, test } from 'vitest';
import { NoIncrement } from '../../../../runtime/ports/producer.ts';
import { refusedIncrement } from '../../../../runtime/engines/postgres/refused-increment.ts';

test.each([
  [
    'pg_basebackup: error: could not initiate base backup: ERROR:  WAL summaries are required on timeline 1 from 0/2000028 to 0/6000028, but no summaries for that timeline and LSN range exist\n',
    'WAL summaries are required on timeline 1',
  ],
  [
    'pg_basebackup: error: could not initiate base backup: ERROR:  incremental backups cannot be taken unless WAL summarization is enabled',
    'WAL summarization',
  ],
  [
    'pg_basebackup: error: could not upload manifest: ERROR:  system identifier in backup manifest is 1, but database system identifier is 2',
    'system identifier',
  ],
])('the server says by %j that there is no increment', (stderr, words) => {
  const refused = refusedIncrement(stderr);
  expect(refused).toBeInstanceOf(NoIncrement);
  expect(refused?.message).toContain(words);
  expect(refused?.message).not.toContain('pg_basebackup');
});

test.each([
  'pg_basebackup: error: could not upload manifest: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally',
  'pg_basebackup: error: could not open file "/var/tmp/increment-1/backup_manifest": No such file or directory',
  'pg_basebackup: error: connection to server at "database" failed: FATAL:  password authentication failed for user "berth_backup"',
])('that %j is a failure like others, after which nobody copies everything', (stderr) => {
  expect(refusedIncrement(stderr)).toBeUndefined();
});
