import { describe, expect, test } from 'vitest';
import { askingOf, runStanding } from '../../../cli/restore/database-standing.ts';
import { standingNames } from '../../../cli/restore/database-new.ts';
import { helloPlan, smallHost } from '../../generator/render/hello.ts';

const plan = helloPlan({
  target: 'compose',
  profile: 'minimum',
  host: smallHost,
  set: { 'backups.folder': '/srv/backups', 'databases.orders': { engine: 'mysql' } },
});
const agentOf = (name: string) => {
  const agent = plan.services.find((service) => service.name === name);
  if (agent === undefined) throw new Error(`no ${name}`);
  return agent;
};
const argv = ['server', '-c', 'with a space'];
const of = (kind: 'postgres' | 'mysql', agent: string): readonly string[] => {
  const asking = askingOf(kind);
  if (asking === undefined) throw new Error(`nobody asks ${kind}`);
  return runStanding(agentOf(agent), asking, { ...standingNames(plan, 'database'), mounted: '/restore', image: 'image:1', argv });
};
const after = (words: readonly string[], option: string): readonly string[] =>
  words.flatMap((word, index) => (words[index - 1] === option ? [word] : []));

describe('the server of a restored database that stays beside the site', () => {
  test('has no network and is as confined and as large as its agent', () => {
    const words = of('postgres', 'agent-postgres');
    const { size, user } = agentOf('agent-postgres');
    expect(words).toEqual(expect.arrayContaining(['--read-only', '--detach']));
    expect(
      ['--network', '--cap-drop', '--security-opt', '--user', '--memory', '--memory-swap'].flatMap((one) => after(words, one)),
    ).toEqual(['none', 'ALL', 'no-new-privileges', user, `${size.memory}m`, `${size.memory}m`]);
    expect(words.slice(words.indexOf('image:1'))).toEqual(['image:1', '-c', 'with a space']);
    expect(after(words, '--entrypoint')).toEqual(['server']);
  });

  test('has its data in a volume of its own, and none that the image asks for', () => {
    expect(after(of('postgres', 'agent-postgres'), '--volume')).toEqual([`${plan.name}_database-restored:/restore`]);
    expect(after(of('postgres', 'agent-postgres'), '--tmpfs')).toContain('/var/lib/postgresql/data:size=1m');
    expect(after(of('mysql', 'agent-mysql'), '--tmpfs')).toContain('/var/lib/mysql:size=1m');
  });

  test('has names that no service of the site has', () => {
    const { container, volume } = standingNames(plan, 'database');
    expect(plan.services.map(({ name }) => `${plan.name}-${name}-1`)).not.toContain(container);
    expect(plan.services.flatMap(({ volumes }) => volumes.map(({ name }) => `${plan.name}_${name}`))).not.toContain(volume);
  });

  test('is there for engines that let somebody in without a password', () => {
    expect(askingOf('mongodb')).toBeUndefined();
    expect(askingOf('sqlserver')).toBeUndefined();
    expect(askingOf('mariadb')?.look('shop')).toBe('mariadb shop');
  });
});
