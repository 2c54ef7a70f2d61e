import { authorityFile, certificateFile, keyFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { isCluster, isReplicated } from './cache-members.ts';
import { tlsDecisions } from './internal-tls.ts';

type Asked = Pick<StackSpec, 'internalTls'>;

/** What a client of the engine is told on its command line; it checks who has signed, and knows no option for the name. */
export const clientOptions = ({ internalTls }: Asked): string => (internalTls ? ` --tls --cacert ${authorityFile}` : '');

/**
 * Settings of a server that takes connections by TLS alone, on `port`. Clients show no certificate of their own: by its password the server knows who that is.
 *
 * @param name - Of its certificate.
 */
function settingsOf(name: string, port: number): readonly EngineSetting[] {
  return [
    { name: 'tls-port', value: String(port), because: 'internalTls: nobody is served without it' },
    {
      name: 'tls-cert-file',
      value: certificateFile(name),
      because: 'from the authority of the site; `berth certs renew --internal` draws it anew',
    },
    { name: 'tls-key-file', value: keyFile(name), because: 'its key' },
    { name: 'tls-ca-cert-file', value: authorityFile, because: 'whom it would trust itself' },
    { name: 'tls-auth-clients', value: 'no', because: 'clients show a password, and no certificate' },
  ];
}

const replicates: EngineSetting = {
  name: 'tls-replication',
  value: 'yes',
  because: 'nodes that copy each other do so by TLS, and check who has signed',
};
const bus: EngineSetting = {
  name: 'tls-cluster',
  value: 'yes',
  because: 'so do all that know of each other; there each shows its certificate',
};

const decided = (name: string, settings: readonly EngineSetting[]): readonly Decision[] =>
  tlsDecisions(name, settings, 'Valkey documentation, TLS');

interface ServerTls {
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
}

/** What a node of a cache has beside the rest, whether it stands alone or not. */
export function nodeTls(cache: CacheSpec, spec: Asked, name: string, port: number): ServerTls {
  if (!spec.internalTls) return { settings: [], decisions: [] };
  const settings = [...settingsOf(name, port), ...(isReplicated(cache) ? [replicates] : []), ...(isCluster(cache) ? [bus] : [])];
  return { settings, decisions: decided(name, settings) };
}

/** The same of a Sentinel; what it asks nodes and other Sentinels goes by the word for replication. */
export function sentinelTls(spec: Asked, name: string, port: number): ServerTls {
  if (!spec.internalTls) return { settings: [], decisions: [] };
  const settings = [
    ...settingsOf(name, port),
    { ...replicates, because: 'it asks nodes and other Sentinels by TLS, and checks who has signed' },
  ];
  return { settings, decisions: decided(name, settings) };
}
