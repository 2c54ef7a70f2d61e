import { mongodb as facts } from '../../../model/engines/mongodb.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { servedFiles, tlsDecisions } from './internal-tls.ts';

interface ServerTls {
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
  readonly secretFiles: readonly string[];
}

/** What a server needs to take connections by TLS alone, from clients and from the other members of its set; those show each other their certificates, and the key file as before. */
export function withTls(spec: StackSpec, service: string): ServerTls {
  if (!spec.internalTls) return { settings: [], decisions: [], secretFiles: [] };
  const settings: readonly EngineSetting[] = [
    { name: 'net.tls.mode', value: 'requireTLS', because: 'internalTls: nobody is served without it, another member neither' },
    {
      name: 'net.tls.certificateKeyFile',
      value: facts.certificateFile,
      because: 'certificate and key in one, a copy in memory made at every start',
    },
    { name: 'net.tls.CAFile', value: authorityFile, because: 'whom it trusts when it asks another member' },
    { name: 'net.tls.allowConnectionsWithoutCertificates', value: 'true', because: 'clients show a password, and no certificate' },
  ];
  return {
    settings,
    decisions: tlsDecisions(service, settings, 'MongoDB 8.0 manual, TLS options'),
    secretFiles: servedFiles(service, spec),
  };
}
