import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseOf, prepareHello } from './hello.ts';

/** Answers from the file that is named after the server it is asked of and the first statement; writes down the rest. */
const client = `#!/bin/bash
folder=$(dirname "$0")
statement=$(cat)
case "$*" in *--host=database*) who=there ;; *) who=here ;; esac
printf '%s: %s\\n' "$who" "$statement" >>"$folder/asked"
case $statement in
  'SHOW BINARY LOGS'*) cat "$folder/logs" ;;
  'SELECT'*) [ ! -e "$folder/$who-refuses" ] && cat "$folder/$who" ;;
esac
`;

describe('the scripts of MySQL and MariaDB, with a client that answers from files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mysql-'));
  const files: Record<string, ReadonlyMap<string, string>> = {};
  beforeAll(async () => {
    for (const engine of ['mysql', 'mariadb'] as const) {
      const set = { ...databaseOf(engine), 'databases.database.topology': 'primary-replica' };
      files[engine] = (await prepareHello({ profile: 'recommended', set })).decision.merged;
      writeFileSync(join(folder, engine), client);
      chmodSync(join(folder, engine), 0o755);
    }
    // One round, and no more.
    writeFileSync(join(folder, 'sleep'), '#!/bin/bash\ncd "$(dirname "$0")" && [ ! -e slept ] && touch slept\n');
    chmodSync(join(folder, 'sleep'), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (script: string, answers: Readonly<Record<string, string>>): { readonly said: string; readonly asked: string } => {
    for (const name of ['here', 'there', 'logs', 'asked', 'slept', 'here-refuses', 'there-refuses'])
      rmSync(join(folder, name), { force: true });
    for (const [name, text] of Object.entries({ asked: '', ...answers })) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, 'script.sh'), script);
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const said = execFileSync('bash', [join(folder, 'script.sh')], { env, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
    return { said: said.trim(), asked: readFileSync(join(folder, 'asked'), 'utf8') };
  };
  const textOf = (engine: string, path: string): string => files[engine]?.get(`config/${path}`) ?? expect.unreachable(`no ${path}`);
  /** What the replica thinks of itself and its primary: the part of its script that only asks. */
  const judge = (engine: string, answers: Readonly<Record<string, string>>): string =>
    run(`${textOf(engine, 'database-replica/replica.sh').split('# Complete or not at all')[0] ?? ''}\njudge\n`, answers).said;

  test.each([
    ['has all that is here and all the log that is missing', '1\t1\n', 'follows'],
    ['has all that is here and removed log that is missing', '1\t0\n', 'lost'],
    ['never had a part of what is here', '0\t1\n', 'stranger'],
    ['neither had it nor has the log', '0\t0\n', 'stranger'],
  ])('a primary of MySQL that %s', (_, there, verdict) => {
    expect(judge('mysql', { here: 'a:1-5,\nb:1-3\n', there })).toBe(verdict);
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toContain("GTID_SUBSET('a:1-5,b:1-3', @@GLOBAL.gtid_executed)");
  });

  test.each([
    { of: 'is just as far', mine: '0-1-9\n17', there: '0-1-4\t0-1-9\n17', verdict: 'follows' },
    { of: 'is further, and has the log between', mine: '0-1-9\n17', there: '0-1-9\t0-1-90\n17', verdict: 'follows' },
    { of: 'is further, and has removed log between', mine: '0-1-9\n17', there: '0-1-10\t0-1-90\n17', verdict: 'lost' },
    {
      of: 'has removed log of a domain that is not known here',
      mine: '0-1-9\n17',
      there: '0-1-9,4-1-3\t0-1-90,4-1-8\n17',
      verdict: 'lost',
    },
    { of: 'is behind what is here', mine: '0-1-9\n17', there: '\t0-1-8\n17', verdict: 'stranger' },
    { of: 'has nothing of a domain that is here', mine: '0-1-9,4-1-3\n17', there: '\t0-1-9\n17', verdict: 'stranger' },
    { of: 'is further, and was made at another time', mine: '0-1-9\n17', there: '0-1-10\t0-1-90\n18', verdict: 'stranger' },
    { of: 'has no transaction, as there is none here', mine: '\n17', there: '\t\n17', verdict: 'follows' },
  ])('a primary of MariaDB that $of', ({ mine, there, verdict }) => {
    expect(judge('mariadb', { here: `${mine}\n`, there: `${there}\n`, logs: 'binlog.000002\t400\nbinlog.000003\t400\n' })).toBe(verdict);
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toContain("BINLOG_GTID_POS('binlog.000002', 4)");
  });

  test.each(['mysql', 'mariadb'])('where one of the two %s does not answer, nothing is known', (engine) => {
    const answers = { here: '0-1-9\n17\n', there: '1\t0\n', logs: 'binlog.000002\t400\n' };
    expect(judge(engine, { ...answers, 'there-refuses': '' })).toBe('unknown');
    expect(judge(engine, { ...answers, 'here-refuses': '' })).toBe('unknown');
  });

  const mebibyte = 1024 * 1024;
  test.each([
    { of: 'take less than the bound', sizes: [100, 100, 100], kept: undefined },
    { of: 'take more', sizes: [3000, 3000, 3000, 5000, 2000], kept: 2 },
    { of: 'are one that is larger than the bound', sizes: [90_000], kept: undefined },
    { of: 'end with one that is larger than the bound', sizes: [10, 90_000], kept: 1 },
    { of: 'are not told', sizes: [], kept: undefined },
  ])('binary logs of MySQL that $of', ({ sizes, kept }) => {
    const script = textOf('mysql', 'database/keep-log.sh');
    const bound = Number(/more than (\d+) MiB/.exec(script)?.[1]);
    const scaled = sizes.map((size) => Math.round((size / 10_000) * bound * mebibyte));
    const { asked } = run(script, { logs: scaled.map((size, index) => `binlog.00000${index}\t${size}\tNo\n`).join('') });
    expect(/PURGE BINARY LOGS TO 'binlog\.00000(\d)'/.exec(asked)?.[1]).toBe(kept === undefined ? undefined : String(kept));
  });
});
