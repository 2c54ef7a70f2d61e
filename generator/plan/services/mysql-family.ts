import type { mariadb } from '../../../model/engines/mariadb.ts';
import type { mysql } from '../../../model/engines/mysql.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import { mib } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import { isCopied } from './copied-databases.ts';
import { databaseDemand } from './database-parts.ts';
import type { DatabaseEngine } from './database-engine.ts';
import { copiesOf, inputOfCopy } from './database-engine.ts';
import { accessOf, accountsOf, serverOf } from './mysql-containers.ts';
import { smallestBecause, smallestMemory } from './mysql-memory.ts';
import { planReplica } from './mysql-replica.ts';
import { withTls } from './mysql-tls.ts';
import { logShare, openFiles, pidsOf, settingsOf } from './mysql-settings.ts';
import type { FamilyMember, Sized } from './mysql-settings.ts';

/** An engine made of the facts of one member, of how it spends its memory, and of the settings that only it knows. */
export const familyEngine = (
  engine: 'mysql' | 'mariadb',
  facts: typeof mysql | typeof mariadb,
  member: FamilyMember,
  own: (sized: Sized) => readonly EngineSetting[],
): DatabaseEngine => ({
  ...accessOf(facts),
  demand: (database, spec, profile, path) => {
    const { limit } = connectionBudget(spec, database.name, profile, facts);
    const floor = { value: smallestMemory(limit, member.shape), because: smallestBecause(limit) };
    return databaseDemand(database, profile, { pids: pidsOf(limit), floor, path });
  },
  plan: (input, task, { user }) => {
    const { database, spec, profile } = input;
    const { limit } = connectionBudget(spec, database.name, profile, facts);
    const { settings, decisions } = settingsOf(input, member, own);
    const tls = withTls(spec, database.name, member.manual);
    const backedUp = isCopied(database, spec);
    const service = serverOf(facts, input, openFiles(limit), user, tls.secretFiles);
    const replicas = copiesOf(database).map((copy) =>
      planReplica(facts, member, inputOfCopy(input, copy), service, settingsOf(inputOfCopy(input, copy), member, own, copy.name), copy),
    );
    return {
      decisions: [...decisions, ...tls.decisions, ...replicas.flatMap((replica) => replica.decisions)],
      service,
      accounts: accountsOf(facts, input, backedUp, task, user),
      replicas: replicas.map((replica) => replica.service),
      plan: {
        service: database.name,
        engine,
        database: database.database,
        account: database.database,
        settings: [...settings, ...tls.settings],
        ...(spec.internalTls ? { tls: true } : {}),
        clients: facts.accounts.application.host,
        ...(member.boundsLog ? {} : { logBound: mib(logShare(input.disk)) }),
        ...(backedUp ? { backedUp } : {}),
        replicas: replicas.map((replica) => replica.plan),
      },
    };
  },
});
