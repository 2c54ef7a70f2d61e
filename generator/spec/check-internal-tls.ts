import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

const engines: readonly string[] = ['postgres', 'mysql', 'mariadb', 'mongodb'];
const hint = 'leave internalTls out, or have it elsewhere (external), where tls says how it is reached';

/** Where the spec asks for TLS between services: what cannot have it yet is refused, as it would be reached without. */
export function* checkInternalTls(spec: WrittenSpec): Iterable<Finding> {
  if (spec.internalTls !== true) return;
  const own = [spec.databases, spec.caches, spec.stores].flatMap((named) => Object.values(named ?? {})).filter(({ external }) => !external);
  if (own.length === 0)
    yield { path: ['internalTls'], message: 'no database, cache or store of the site is there to speak it', hint: 'remove it' };
  const refused = (path: Finding['path'], key: string, what: string): Finding => ({
    path,
    key,
    message: `internal TLS of ${what} is not there yet (internalTls)`,
    hint,
  });
  for (const [name, { engine, operator, external }] of Object.entries(spec.databases ?? {})) {
    const path = ['databases', name];
    if (external !== undefined) continue;
    if (!engines.includes(engine)) yield refused(path, 'engine', engine);
    if (operator !== undefined) yield refused(path, 'operator', `a database that ${operator} runs`);
  }
  for (const [name, { engine, external }] of Object.entries(spec.caches ?? {})) {
    const path = ['caches', name];
    if (external !== undefined) continue;
    if (engine === 'memcached') yield refused(path, 'engine', 'memcached');
  }
}
