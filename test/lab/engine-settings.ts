import { expect } from 'vitest';
import type { mysql } from '../../model/engines/mysql.ts';
import type { EngineSetting } from '../../model/engine-setting.ts';
import type { LabSite } from './installed.ts';

/** `4GB` and `4096MB` are the same. */
export const inKilobytes = (value: string): string => {
  const match = /^(\d+)(kB|MB|GB)$/.exec(value);
  return match ? String(Number(match[1]) * ({ kB: 1, MB: 1024, GB: 1024 * 1024 }[match[2] ?? 'kB'] ?? 1)) : value;
};

/** PostgreSQL runs with exactly these settings. */
export async function expectPostgresSettings(site: LabSite, settings: readonly EngineSetting[]): Promise<void> {
  const query = settings.map(({ name }) => `SELECT '${name}', current_setting('${name}');`).join('');
  const output = await site.compose(
    'exec',
    '-T',
    'database',
    'sh',
    '-c',
    `PGPASSWORD=$(cat /run/secrets/database-admin) psql -h 127.0.0.1 -U postgres -AtqF= -c "${query}"`,
  );
  const running = Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', value = ''] = line.split('=');
        return [name, inKilobytes(value)];
      }),
  );
  expect(settings.length).toBeGreaterThan(20);
  expect(running).toEqual(Object.fromEntries(settings.map(({ name, value }) => [name, inKilobytes(value)])));
}

/** A statement by the administrator of MySQL or MariaDB, in the server's own container; columns are parted by tabs. */
export async function askMysql(site: LabSite, client: string, sql: string): Promise<string> {
  const command = `docker compose exec -T database ${client} --defaults-extra-file=/run/secrets/database-admin-client --batch --raw --skip-column-names`;
  return (await site.operator.run(command.split(' '), site.folder, sql)).trim();
}

/** As the server says it: sizes in bytes, switches as words. */
const asServed = (value: string): string => {
  const match = /^(\d+)([KM])$/.exec(value);
  return match ? String(Number(match[1]) * (match[2] === 'K' ? 1024 : 1024 * 1024)) : value === '' ? 'NULL' : value;
};
const asAnswered = (value: string): string => (/^\d+\.\d+$/.test(value) ? String(Number(value)) : value === '' ? 'NULL' : value);

/** MySQL or MariaDB runs with exactly these settings, and with those that its facts need. */
export async function expectMysqlSettings(
  ask: (sql: string) => Promise<string>,
  engine: 'mysql' | 'mariadb',
  facts: Pick<typeof mysql, 'dataFolder' | 'temporaryFolder'>,
  planned: readonly EngineSetting[],
): Promise<void> {
  const settings = planned.map((setting) => ({ ...setting, name: setting.name.replace(/^loose_/, '') }));
  expect(settings.length).toBeGreaterThan(30);
  const rows = (await ask('SHOW GLOBAL VARIABLES')).split('\n').map((line) => line.split('\t') as [string, string?]);
  const running = new Map(rows.map(([key, value = '']) => [key, asAnswered(value)]));
  const wanted = Object.fromEntries(settings.map((setting) => [setting.name, asServed(setting.value)]));
  // Written as a name, answered as a switch and as a path.
  expect(running.get('log_bin_basename')).toBe(`${facts.dataFolder}/${wanted['log_bin'] ?? ''}`);
  // A plugin that is off takes its settings along.
  if (engine === 'mysql') {
    expect(await ask("SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'mysqlx'")).toBe('DISABLED');
    running.set('mysqlx', 'OFF');
  }
  const answered = Object.fromEntries(settings.map((setting) => [setting.name, running.get(setting.name) ?? 'not known']));
  expect({ ...answered, log_bin: 'ON' }).toEqual({ ...wanted, log_bin: 'ON' });
  for (const [key, value] of Object.entries({
    port: '3306',
    datadir: `${facts.dataFolder}/`,
    tmpdir: facts.temporaryFolder,
    binlog_format: 'ROW',
    character_set_server: 'utf8mb4',
    time_zone: '+00:00',
    skip_name_resolve: 'ON',
  }))
    expect([key, running.get(key)]).toEqual([key, value]);
}

/** A cache of one node runs with exactly these settings. It is restarted twice: nobody may read the settings of a site, so somebody who may is let in for this. */
export async function expectCacheSettings(
  site: LabSite,
  cache: string,
  client: 'valkey-cli' | 'redis-cli',
  { settings, tls = false }: { readonly settings: readonly EngineSetting[]; readonly tls?: boolean },
): Promise<void> {
  const inBytes = (value: string) => {
    const match = /^(\d+)mb$/.exec(value);
    return match ? String(Number(match[1]) * 2 ** 20) : value;
  };
  const accounts = `secrets/${cache}-acl`;
  const reload = async () => {
    await site.compose('restart', cache);
    expect(await site.up()).toMatchObject({ code: 0 });
  };
  const asked = [cache, client, ...(tls ? ['--tls', '--cacert', '/run/secrets/site-ca'] : []), '--user', 'lab', 'CONFIG', 'GET'];
  const kept = site.read(accounts);
  site.edit(accounts, (text) => `${text.trimEnd()}\nuser lab on nopass ~* &* +config|get\n`);
  try {
    await reload();
    const running: Record<string, string> = {};
    for (const { name } of settings) {
      const answer = await site.compose('exec', '-T', '-e', 'REDISCLI_AUTH=any', ...asked, name);
      const [answered = '', value = ''] = answer.split(/\r?\n/);
      running[answered] = value;
    }
    expect(settings.length).toBeGreaterThan(6);
    expect(running).toEqual(Object.fromEntries(settings.map(({ name, value }) => [name, inBytes(value)])));
  } finally {
    site.edit(accounts, () => kept);
    await reload();
  }
}
