import type { Secret } from '../../../model/secret.ts';
import { again, refusalFrom, type Refusal } from '../refusals.ts';
import { tlsRefusals } from '../tls-mode.ts';

/** As whom, and where, a server is spoken to. */
export interface CacheAccess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  /** PEM: whom to trust, where it is reached by TLS alone. */
  readonly ca?: string;
}

const refusals: readonly Refusal<CacheAccess>[] = [
  { pattern: /WRONGPASS|NOAUTH/, cure: ({ user }) => `see that the password of ${user} is the one that the server knows` },
  {
    pattern: /NOPERM/,
    cure: ({ user }) =>
      `give ${user} the rights that \`berth generate\` writes into the list of accounts, and start the cache anew: ping, info, psync, replconf, cluster|nodes`,
  },
  {
    pattern: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|No route/,
    cure: ({ host, port }) => `see that the server runs and can be reached at ${host}, port ${port}`,
  },
  { pattern: /LOADING|NOMASTERLINK|MASTERDOWN|ECONNRESET|EPIPE|connection ended|nothing came/, cure: again },
  ...tlsRefusals,
  { pattern: /max number of clients/, cure: () => 'see that maxclients leaves room for the backups' },
];

export const refusalOf = refusalFrom(refusals, 'the cache', /^-?(?:ERR )?/);
