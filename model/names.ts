/** A DNS label of RFC 1123, so that it serves as a Compose service, a Kubernetes name and a host name alike. */
export const dnsLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A service's name begins with a letter: Kubernetes asks for it, a variable of .env is made from it, and a host named 10 would be an address. */
export const serviceLabel = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Longest name of a service: Berth appends up to 13 characters (`-green-abcdef`) and a label holds 63. */
export const longestServiceName = 40;
/** A name of the environment as POSIX and every shell accept it. */
export const envName = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** An unquoted identifier of every SQL engine that Berth offers, short enough for MySQL's 32-character accounts. */
export const sqlName = /^[a-z_][a-z0-9_]{0,30}$/;

/** Databases and accounts that MySQL and MariaDB keep for themselves or their images make, and Berth's own. */
const mysqlNames = /^(mysql|information_schema|performance_schema|sys|ndbinfo|root|healthcheck|public|none|current_(user|role)|berth_.*)$/;
/** Names that an engine keeps for itself, as databases or as accounts. */
export const reservedDatabaseNames = {
  /** With the words that mean more than a name in pg_hba.conf. */
  postgres: {
    keeper: 'PostgreSQL',
    names: /^(pg_.*|postgres|template[01]|public|none|all|replication|sameuser|samerole|berth_replica|berth_backup)$/,
  },
  mysql: { keeper: 'MySQL', names: mysqlNames },
  mariadb: { keeper: 'MariaDB', names: mysqlNames },
  sqlserver: {
    keeper: 'SQL Server',
    names: /^(master|model|msdb|tempdb|resource|sa|dbo|guest|sys|information_schema|public|db_.*|berth_.*)$/,
  },
  mongodb: { keeper: 'MongoDB', names: /^(admin|local|config|root|berth_.*)$/ },
} as const;
/** A host name of RFC 1123, one label or more. */
export const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** A host name, an IPv4 address, or an IPv6 address in brackets. */
export const hostOrAddress =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*|\[[0-9a-f:]+\])$/;
/** An account of somebody else's server, as a URL, a shell and an env file take it. */
export const accountName = /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,127}$/;
/** A bucket of S3: 3 to 63 characters. */
export const bucketName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
/** An absolute path of a URL without anything that nginx or a shell would read as syntax, and without segments that a client resolves away. */
export const urlPath = /^(?!.*\/\.{0,2}\/)(?!.*\/\.{1,2}$)\/[A-Za-z0-9._~\-/]*$/;
/** An absolute path in a container, below its root, without `.` or `..` and without a / at its end. */
export const containerPath = /^(?!.*\/\.{1,2}(?:\/|$))(?:\/[A-Za-z0-9._-]+)+$/;
/** Folders of a container that memory must not cover: the kernel's, Berth's secrets, and what the image brings along. */
export const systemPath = /^\/(?:proc|sys|dev|run\/secrets)(?:\/|$)|^\/(?:bin|boot|etc|lib|lib64|root|sbin|usr|var)$/;
/** An absolute path of the host, below its root, without `.` or `..` and without a / at its end. */
export const hostPath = /^(?!.*\/\.{1,2}(?:\/|$))(?:\/[A-Za-z0-9._ @+-]+)+$/;
/** Who can open backups; the name of a file. */
export const recipientName = /^[a-z][a-z0-9-]{0,39}$/;
/** A folder of the site, which no `..` leaves. */
export const sitePath = /^\.(?!.*\/\.{1,2}(?:\/|$))(?:\/[A-Za-z0-9._-]+)+\/?$/;

/** Names that the parts Berth adds carry; an application may not use them. */
export const reservedNames: readonly string[] = [
  'edge',
  'egress',
  'agent',
  'agent-files',
  'agent-mariadb',
  'agent-mongodb',
  'agent-mysql',
  'agent-postgres',
  'agent-sqlserver',
  'drill',
  'watch',
  'heal',
  'berth',
  'blue',
  'green',
  'surge',
  'weights',
  'tls',
  'kustomization',
  'localhost',
];

/** An image reference split at its tag; the registry's port is not taken for a tag. */
export function splitImage(reference: string): { readonly repository: string; readonly tag?: string; readonly digest?: string } {
  const [name = '', digest] = reference.split('@', 2);
  const colon = name.lastIndexOf(':');
  const tagged = colon > name.lastIndexOf('/');
  return {
    repository: tagged ? name.slice(0, colon) : name,
    ...(tagged ? { tag: name.slice(colon + 1) } : {}),
    ...(digest ? { digest } : {}),
  };
}

/** An image reference of the distribution project: lower-case path, optional host and port, optional tag and digest. */
export const imageReference =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
