import { authorityFile, certificateFile, keyFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { Runtime } from '../../../model/engines/runtimes.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { servedFiles, tlsDecisions } from './internal-tls.ts';

interface ServerTls {
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
  readonly secretFiles: readonly string[];
}

/** What a server of MySQL or MariaDB needs to take connections by TLS alone; its socket, which only its own container reaches, counts as one. */
export function withTls(spec: StackSpec, service: string, manual: string): ServerTls {
  if (!spec.internalTls) return { settings: [], decisions: [], secretFiles: [] };
  const settings: readonly EngineSetting[] = [
    { name: 'require_secure_transport', value: 'ON', because: 'internalTls: nobody is let in over the network without it' },
    {
      name: 'ssl_cert',
      value: certificateFile(service),
      because: 'from the authority of the site; `berth certs renew --internal` draws it anew',
    },
    { name: 'ssl_key', value: keyFile(service), because: 'what its certificate is good for' },
  ];
  return {
    settings,
    decisions: tlsDecisions(service, settings, `${manual}, encrypted connections`),
    secretFiles: servedFiles(service, spec),
  };
}

/**
 * Drivers of MySQL have no common word for TLS in an address: by language, what those that are used most read there. All of them check the name as well.
 */
const words: Readonly<Record<Runtime, string>> = {
  // mysql2 and mysql: an object, as JSON. Whom to trust they know from NODE_EXTRA_CA_CERTS.
  node: `ssl=${encodeURIComponent('{"rejectUnauthorized":true,"verifyIdentity":true}')}`,
  // SQLAlchemy, for PyMySQL and mysqlclient.
  python: `ssl_ca=${authorityFile}&ssl_check_hostname=true`,
  // Connector/J of MySQL and of MariaDB; the first passes over the file and has a key store of its own.
  java: `sslMode=VERIFY_IDENTITY&serverSslCert=${authorityFile}`,
  // As MySQL's own programs call them.
  go: `ssl-mode=VERIFY_IDENTITY&ssl-ca=${authorityFile}`,
  other: `ssl-mode=VERIFY_IDENTITY&ssl-ca=${authorityFile}`,
};

/** The end of an address, for a program on that runtime. */
export const reachedBy = (runtime: Runtime): string => `?${words[runtime]}`;

/** In an option file, so that all who log in by it check whom they speak to, by whatever name, and by the socket as well. */
export const clientOptions = (engine: 'mysql' | 'mariadb'): string =>
  `ssl-ca=${authorityFile}\n${engine === 'mysql' ? 'ssl-mode=VERIFY_IDENTITY' : 'ssl-verify-server-cert'}\n`;
