import { authorityFile, certificateFile, keyFile } from '../../../model/internal-tls.ts';
import { postgres as facts } from '../../../model/engines/postgres.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { servedFiles, tlsDecisions } from './internal-tls.ts';

const manual = 'PostgreSQL 17 manual, Secure TCP/IP Connections with SSL';

/** Variables with which a program of PostgreSQL checks whom it speaks to. */
export const verified = (authority: string): PlannedService['env'] => ({ PGSSLMODE: 'verify-full', PGSSLROOTCERT: authority });

/** The same at the end of a text of keywords and values. */
export const reachedBy = ({ internalTls }: Pick<StackSpec, 'internalTls'>): string =>
  internalTls ? ` sslmode=verify-full sslrootcert=${authorityFile}` : '';

interface ServerTls {
  readonly entrypoint: readonly [string, ...string[]];
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
  readonly secretFiles: readonly string[];
}

/**
 * What a server that begins by `entrypoint` needs to speak TLS. It takes no key that others may read, and the mode of a secret is not Berth's to choose
 * everywhere: at every start it gets a copy of its own, in memory.
 */
export function withTls(spec: StackSpec, service: string, entrypoint: ServerTls['entrypoint']): ServerTls {
  if (!spec.internalTls) return { entrypoint, settings: [], decisions: [], secretFiles: [] };
  const settings: readonly EngineSetting[] = [
    { name: 'ssl', value: 'on', because: 'internalTls: pg_hba.conf takes nobody from elsewhere without it' },
    {
      name: 'ssl_cert_file',
      value: certificateFile(service),
      because: 'from the authority of the site; `berth certs renew --internal` draws it anew',
    },
    { name: 'ssl_key_file', value: facts.keyFile, because: 'a copy in memory that nobody else may read, made at every start' },
  ];
  return {
    entrypoint: ['/bin/sh', '-ec', `(umask 077; cp ${keyFile(service)} ${facts.keyFile}); exec ${entrypoint.join(' ')} "$@"`, 'sh'],
    settings,
    decisions: tlsDecisions(service, settings, manual),
    secretFiles: servedFiles(service, spec),
  };
}
