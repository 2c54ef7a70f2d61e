import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { listExamples } from '../../../generator/io/examples.ts';
import { fixedDecisions } from '../../../generator/plan/fixed-decisions.ts';
import type { Decision } from '../../../model/decision.ts';
import { profileNames } from '../../../model/profile.ts';
import { describeSize, parseDuration, parseSize } from '../../../model/units.ts';
import { bigHost, databaseOf, everyKind, prepareHello, smallHost, toBucket } from './hello.ts';
import type { Hello } from './hello.ts';

const examples = listExamples(join(import.meta.dirname, '../../..'));

/** A number where it stands in a rendered file, and whose number it is. */
interface Found {
  readonly file: string;
  readonly service: string;
  /** The path in a document, or the line. */
  readonly at: string;
  readonly text: string;
}

/** Numbers, not the digits of a name: `40m`, `0.9`, `1.30.6`, but neither `node-0` nor `utf8`. */
const number = /(?<![\w.$-])-?\d[\w.]*/g;
const numbersIn = (text: string): readonly string[] => text.match(number) ?? [];

/** All that a number may mean, so that `60` is found in `1m`, `2800M` in `2800Mi` and `85520m` in `85.52 CPUs`. */
function meaningsOf(token: string): readonly string[] {
  const [duration, size] = [
    parseDuration(token),
    parseSize(token.replace(/m?b$/i, (unit) => unit.charAt(0)).replace(/([kmg])$/i, (unit) => `${unit.toUpperCase()}i`)),
  ];
  return [
    token.toLowerCase(),
    ...(/\d[smhd]$/.test(token) ? [] : [String(Number.parseFloat(token))]),
    ...(duration === undefined ? [] : [`${duration} s`]),
    ...(size === undefined ? [] : [`${size} MiB`]),
    ...(/^\d+m$/.test(token) ? [String(Number.parseInt(token, 10) / 1000)] : []),
  ];
}

/** Where numbers are explained by a decision of their service: at which path or in which line, by what key. */
type ByDecision = readonly [at: RegExp, key: RegExp];
/** Where they need none, and why. */
type Needless = readonly [at: RegExp, because: string];

const decided: readonly ByDecision[] = [
  // compose.yaml
  [/\.deploy\.resources\.limits\.cpus$/, /\.cpu$/],
  [/\.deploy\.resources\.limits\.pids$/, /\.pids$/],
  [/\.(?:deploy|spec)\.replicas$/, /\.replicas$/],
  [/\.stop_grace_period$/, /\.stop_grace_period$/],
  [/\.cpu_shares$/, /\.cpu_shares$/],
  [/\.shm_size$/, /\.shm_size$/],
  [/\.ulimits\.nofile\./, /\.nofile$/],
  [/\.tmpfs\.\d+$/, /\.tmpfs$/],
  [/\.logging\.options\./, /\.logging$/],
  [/\.healthcheck\.(?:interval|timeout|retries)$/, /\.healthcheck$/],
  [/\.healthcheck\.start_period$/, /\.(?:healthcheck|start_period)$/],
  [/(?:environment\.|env )DATABASE_POOL_SIZE$/, /\.pool$/],
  [/(?:environment\.|env )NODE_OPTIONS$/, /\.max-old-space-size$/],
  [/(?:environment\.|env )MINIO_API_REQUESTS_MAX$/, /\.requests_max$/],
  [/(?:environment\.|env )GOMAXPROCS$/, /\.(?:GOMAXPROCS|cpu|step .*)$/],
  [/^TimeoutStopSec=/, /\.TimeoutStopSec$/],
  [/^\.backups\./, /^backups\./],
  [/^Job .*\.containers\.\d+\.resources\./, /\.step .*$/],
  [/^TimeoutStartSec=/, /\.deadline$/],
  // manifests
  [/\.resources\.(?:limits|requests)\.cpu$/, /\.cpu$/],
  [/\.resources\.(?:limits|requests)\.ephemeral-storage$/, /\.(?:ephemeral-storage|job)$/],
  [/\.initContainers\.\d+\.resources\./, /\.step .*$/],
  [/^CronJob .*(?:\.backoffLimit|\.startingDeadlineSeconds|JobsHistoryLimit)$/, /\.job$/],
  [/^HorizontalPodAutoscaler /, /\.autoscaler$/],
  [/^PersistentVolumeClaim .*\.storage$|\.volumeClaimTemplates\..*\.storage$/, /\.disk$/],
  [/\.volumes\.\d+\.emptyDir\.sizeLimit$/, /\.(?:tmpfs|shm_size|disk|step .*)$/],
  [/\.terminationGracePeriodSeconds$/, /\.(?:terminationGracePeriodSeconds|stop_grace_period)$/],
  [/\.preStop\.sleep\.seconds$/, /\.preStop$/],
  [/\.startupProbe\.(?:periodSeconds|timeoutSeconds|failureThreshold)$/, /\.startupProbe\.times$/],
  [/\.readinessProbe\.(?:periodSeconds|timeoutSeconds|failureThreshold)$/, /\.readinessProbe$/],
  [/\.livenessProbe\.(?:periodSeconds|timeoutSeconds|failureThreshold)$/, /\.livenessProbe$/],
  [/\.(?:minReadySeconds|progressDeadlineSeconds|revisionHistoryLimit|maxSurge)$|rollingUpdate\.maxUnavailable$/, /\.rollout$/],
  [/^PodDisruptionBudget .*\.maxUnavailable$/, /\.disruption$/],
  [/\.(?:backoffLimit|ttlSecondsAfterFinished)$/, /\.job$/],
  [/\.activeDeadlineSeconds$/, /\.deadline$/],
  [/^ResourceQuota .*\.(?:pods|requests\.cpu|requests\.memory|limits\.memory)$/, /\.quota$/],
  [/^ResourceQuota /, /\.quota_of_objects$/],
  [/^LimitRange /, /\.limits$/],
  [/^PriorityClass .*value$/, /\.priorities$/],
  // nginx.conf and proxy.conf
  [/^(?:limit_conn_zone|limit_req_zone|ssl_session_cache|js_shared_dict_zone|zone) /, /\.zones$/],
  [/^gzip_/, /\.gzip$/],
  [/^429 5;|^add_header Retry-After/, /\.retry_after$/],
  [/^server "[^"]+" resolve|^keepalive \d/, /\.upstream$/],
  [/^proxy_(?:max_temp_file_size|(?:read|send)_timeout)/, /\.store$/],
  [/^"" "max-age=/, /\.hsts$/],
  [/^proxy_(?:connect_timeout|next_upstream)/, /\.proxy_next_upstream$/],
  [/^proxy_(?:busy_)?buffer/, /\.proxy_buffers$/],
  [/^(?:limit_req |limit_req_zone |client_max_body_size|proxy_(?:read|send)_timeout)/, /\.[a-z-]+\/[a-z/]*$/],
  // haproxy.cfg
  [/^(?:timeout (?:connect|check|resolve|retry)|hold) /, /\.timeouts$/],
  [/^timeout (?:client|server) /, /\.idle$/],
  [/^(?:cli|srv)tcpka-/, /\.keepalive$/],
  [/^use_backend|min-recv/, /\.majority$/],
];

const needless: readonly Needless[] = [
  [/\.entrypoint\.\d+$/, 'a program'],
  [/\.pem$/, 'a certificate'],
  [/(?:environment\.|env )WEB_CONCURRENCY$/, 'what berth.yaml says of it; else it has a decision'],
  [/\.group_add\./, 'users are those that an image was made for'],
  [/CronJob \.spec\.schedule$|^OnCalendar=|^Description=/, 'a time that berth.yaml says'],
  [/(?:environment\.|env )(?:(?:https?|no)_proxy|(?:HTTPS?|NO)_PROXY|MSSQL_TCP_PORT|MC_HOST_local)$/, 'addresses and ports'],
  [/^"(?:Noncurrent)?Days": /, 'berth.yaml says after how many days'],
  [/^(?:1 ")|^"~\^OPTIONS/, 'what berth.yaml says of who may ask from elsewhere, by the number of that rule'],
  [/^server_id = /, 'the number of a server of several'],
  [/^port: /, 'a port'],
  [/^default_time_zone = /, 'none but UTC'],
  [/^[a-z_]+ = host=|^listen_port = |endpoint: "|\.endpoint$/, 'addresses and ports'],
  [/^monitor fail if /, 'none'],
  [/^AccuracySec=/, 'the time that is said, and not some minute after it'],
  [/^StartLimitIntervalSec=|^RestartSec=/, 'a store that cannot be reached is tried again twice a minute'],
  [/\.image$/, 'versions are those of images.yaml, which `berth images` explains'],
  [/env(?:ironment\.| )(?:APP_VERSION|IMAGE|VERSION)$|_(?:VERSION|IMAGE)=/, 'the version of an image follows release.yaml'],
  [/^(?:\.services\.[a-z-]+\.(?:blue|green)\.|.*"services":|.*_REPLICAS=)/, 'replicas and weights of slots follow release.yaml'],
  [/^Deployment \.spec\.replicas$/, 'an empty slot has none: release.yaml fills it'],
  [
    /(?:^|[. ])(?:ports?|containerPort|targetPort|target|published)(?:[. ]|$)|_PORT=|env(?:ironment\.| )(?:PORT|PGPORT|S3_ENDPOINT)$/,
    'ports are facts of an engine, or berth.yaml says them',
  ],
  [
    /^(?:listen|bind) |^server "?[^ ]+|^proxy_set_header X-Forwarded-Port|\.(?:command|args)\.\d+$/,
    'ports again, in a line or a command; a step that waits says in its command how often it tries',
  ],
  [
    /(?:healthcheck\.test|Probe\.(?:exec|httpGet))\./,
    'a question is a program: its numbers are addresses, ports and the time that it gives itself within that of its check',
  ],
  [/\.user$|\.securityContext\.(?:runAs(?:User|Group)|fsGroup)$/, 'users are those that an image was made for'],
  [/\.tmpfs\.\d+$|\.defaultMode$/, 'a mode: who may write there'],
  [
    /subnet$|ip_range$|\.ipv4_address$|\.extra_hosts\.|^allow \d|\.cidr$|^(?:\d+\.){3}\d+|^server_name |^host +(?:all|") /,
    'addresses of the host, of its networks, or of the DNS of each node',
  ],
  [/^host +/, 'addresses of the networks of the site'],
  [/^"[a-z0-9.-]+" "[a-z0-9.-]+:\d+";$/, 'a place of berth.yaml, with its port'],
  [/annotations\.berth\/|labels\.berth\.config$|-version$|^Job \.metadata\.name$/, 'a hash or a version'],
  [/^\.version$|"Version":|apiVersion$|^proxy_http_version/, 'the version of a format or a protocol'],
  [/^(?:return|error_page|limit_(?:conn|req)_status|4\d\d (?:"|\$berth_allow))|^"~\^0" 0/, 'codes of HTTP, and what a page looks like'],
  [/^default 1;$/, 'yes'],
  [/^"~(?:\^\[A-Za-z0-9|\*\^\/\(\?:)/, 'the comment above its block says what it is'],
  [/^"~\*\^\[\^\?\]/, 'as above'],
  [/^js_periodic/, 'the comment above its block says why'],
  [/NGINX_ENTRYPOINT_QUIET_LOGS$/, 'yes'],
  [/PGCONNECT_TIMEOUT$/, 'seconds of one attempt to connect, far below the time of what makes it'],
  [/\.rollingUpdate\.partition$/, 'all of them'],
  [/\.maxSkew$/, 'the smallest that there is: replicas are spread evenly'],
  [/DuringExecution\.\d+\.weight$/, 'the largest that there is'],
  [/^Kustomization .*resources/, 'the name of a file'],
];

/** Every scalar of a document with numbers in it, by its path. */
function* scalarsOf(value: unknown, at: string): Generator<readonly [at: string, text: string]> {
  if (Array.isArray(value)) for (const [index, item] of (value as unknown[]).entries()) yield* scalarsOf(item, `${at}.${index}`);
  else if (typeof value === 'object' && value !== null) {
    const { name, value: literal } = value as { readonly name?: unknown; readonly value?: unknown };
    // A variable of a container, by its name.
    if (typeof name === 'string' && typeof literal === 'string' && Object.keys(value).length === 2) yield [`${at}.env ${name}`, literal];
    else for (const [key, inner] of Object.entries(value)) yield* scalarsOf(inner, `${at}.${key}`);
  } else if (typeof value === 'number' || typeof value === 'string') yield [at, String(value)];
}

const serviceOf = (name: string): string => name.replace(/-(?:blue|green)$/, '');

function* ofDocuments(file: string, text: string): Generator<Found> {
  if (file === 'compose.yaml') {
    const { services, ...rest } = parse(text) as { readonly services: object };
    for (const [name, service] of Object.entries(services))
      for (const [at, scalar] of scalarsOf(service, '')) yield { file, service: serviceOf(name), at, text: scalar };
    for (const [at, scalar] of scalarsOf(rest, '')) yield { file, service: '', at, text: scalar };
    return;
  }
  for (const document of [parseAllDocuments(text)].flat()) {
    const { kind, ...body } = document.toJS() as { readonly kind?: string };
    const service = file.replace(/^(?:.*\/)?(.*)\.yaml$/, '$1');
    for (const [at, scalar] of scalarsOf(body, kind === undefined ? '' : `${kind} `)) yield { file, service, at, text: scalar };
  }
}

/** A unit has the name of its site before that of its service. */
const unitOf = new RegExp(`^systemd/(?:${examples.join('|')})-(.*)@`);

/** Lines with numbers, but for comments and for what a comment right above gives a reason. */
function* ofLines(file: string, text: string): Generator<Found> {
  const service = /(?:^|\/)config\/([^/]+)\//.exec(file)?.[1] ?? unitOf.exec(file)?.[1] ?? '';
  const lines = text.split('\n').map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (/^[#;]/.test(line) || /^[#;] /.test(lines[index - 1] ?? '')) continue;
    yield { file, service, at: line, text: line };
  }
}

/** Scripts are programs, secrets are drawn, and a page for people is no configuration. */
const rendered = (files: ReadonlyMap<string, string>): readonly Found[] =>
  [...files]
    .filter(([path]) => !/^(?:k8s\/)?secrets\/|\.md$|^\.berth\/|\.(?:sh|sql|js|html|pem)$/.test(path))
    .flatMap(([path, text]) =>
      /(?:^compose|^release|(?:^|\/)runtime|^k8s\/(?:generated|site)\/[^/]+)\.?.*\.yaml$/.test(path)
        ? [...ofDocuments(path, text)]
        : [...ofLines(path, text)],
    );

const used = new Set<RegExp>();
const first = (rules: readonly RegExp[]): boolean => {
  const [rule] = rules;
  if (rule) used.add(rule);
  return rule !== undefined;
};

/** All that the values of decisions say, with their units where those stand beside the number. */
const saidBy = (decisions: readonly Decision[]): ReadonlySet<string> =>
  new Set(
    decisions.flatMap(({ value }) =>
      numbersIn(
        value
          .replaceAll(' MiB', 'Mi')
          .replaceAll(' GiB', 'Gi')
          .replaceAll(/(?<=\d) s\b/g, 's'),
      ).flatMap(meaningsOf),
    ),
  );

function isExplained({ service, at }: Found, token: string, decisions: readonly Decision[]): boolean {
  // Nodes of a cache stand for themselves on Compose and in one set in a cluster; what belongs to the site is no service's.
  const same = decisions.find(({ key }) => key === `${service}.as`)?.value;
  const names =
    service === '' || service.startsWith('00-')
      ? undefined
      : [
          service,
          `${service}-0`,
          service.replace(/-\d$/, ''),
          ...(same === undefined ? [] : [same]),
          ...(service === 'runtime' ? ['backups'] : []),
        ];
  const own = decisions.filter(({ key }) => names === undefined || names.some((name) => key.startsWith(`${name}.`)));
  const says = (found: readonly Decision[]): boolean => {
    const said = saidBy(found);
    return meaningsOf(/^\d+$/.test(token) && /(?:seconds[a-z]*|\.timeout|\.rpo)$|^Timeout\w+=/i.test(at) ? `${token}s` : token).some(
      (meaning) => said.has(meaning),
    );
  };
  const size = /\.(?:memory|memswap_limit)$/.test(at) ? parseSize(token.replace(/M$/, 'Mi')) : undefined;
  return (
    // Memory is said for eyes, with one decimal.
    (size !== undefined && own.some(({ key, value }) => key.endsWith('.memory') && value === describeSize(size))) ||
    // A setting of an engine or a variable, by its own name.
    says(
      own.filter(({ key }) => `${/(?:environment\.|\.env )(\w+)$/.exec(at)?.[1] ?? at} `.startsWith(`${key.slice(key.indexOf('.') + 1)} `)),
    ) ||
    first(decided.flatMap(([place, key]) => (place.test(at) && says(own.filter((decision) => key.test(decision.key))) ? [place] : []))) ||
    first(needless.flatMap(([place]) => (place.test(at) ? [place] : [])))
  );
}

const decisionsOf = ({ plan }: PreparedSite): readonly Decision[] => [...plan.decisions, ...fixedDecisions(plan)];
const unexplained = (files: ReadonlyMap<string, string>, decisions: readonly Decision[]): readonly string[] => [
  ...new Set(
    rendered(files).flatMap((found) =>
      numbersIn(found.text)
        .filter((token) => !isExplained(found, token, decisions))
        .map((token) => `${found.file}: ${token} in ${found.service} ${found.at}`),
    ),
  ),
];

const sites = {
  compose: { profile: 'recommended', host: smallHost },
  kubernetes: { profile: 'recommended', target: 'kubernetes' },
} as const;

/** Whatever one of them has and another has not: engines, runtimes, kinds of services, backups, schedules. */
const rows: readonly (Hello & { readonly what: string })[] = (['compose', 'kubernetes'] as const).flatMap((target) => {
  const at = target === 'compose' ? { host: bigHost } : { target };
  return [
    ...examples.flatMap((example) =>
      profileNames.map((profile) => ({ what: `${example} at ${profile} for ${target}`, example, profile, ...at })),
    ),
    ...(['mysql', 'mariadb', 'mongodb', 'sqlserver'] as const).flatMap((engine) =>
      (['minimum', 'recommended'] as const).map((profile) => ({
        what: `hello with ${engine} at ${profile} for ${target}`,
        profile,
        set: databaseOf(engine),
        ...at,
      })),
    ),
    { what: `a service of every kind for ${target}`, set: everyKind, ...at },
    { what: `backups to a bucket for ${target}`, ...toBucket, ...at },
  ];
});

test.each(rows)('$what has no number in a rendered file without a decision, a comment or a reason to need none', async (row) => {
  const site = await prepareHello(row);
  expect(unexplained(site.decision.merged, decisionsOf(site))).toEqual([]);
});

test.each([
  [
    'a unit of systemd',
    { example: 'pms', host: bigHost },
    'systemd/pms-night-audit@.service',
    'TimeoutStartSec=7200',
    'TimeoutStartSec=7201',
  ],
  [
    'an autoscaler',
    { example: 'ai-marketing', target: 'kubernetes' },
    'k8s/generated/api.yaml',
    'WindowSeconds: 300',
    'WindowSeconds: 301',
  ],
  [
    'migrations',
    { example: 'pms', host: bigHost },
    'compose.yaml',
    'NODE_OPTIONS: "--max-old-space-size=6096"',
    'NODE_OPTIONS: "--max-old-space-size=6097"',
  ],
  ['backups', { ...toBucket, host: bigHost }, 'runtime.yaml', 'rpo: 60', 'rpo: 61'],
] as const)('a number of %s that is another one would be seen', async (_what, hello, file, from, to) => {
  const { decision, plan } = await prepareHello(hello);
  const text = decision.merged.get(file) ?? '';
  expect(text).toContain(from);
  const changed = new Map([...decision.merged, [file, text.replaceAll(from, to)]]);
  expect(unexplained(changed, [...plan.decisions, ...fixedDecisions(plan)]).join()).toContain(`${file}: `);
});

describe.each(['compose', 'kubernetes'] as const)('hello at recommended for %s', (target) => {
  let site: PreparedSite | undefined;
  const made = (): PreparedSite => site ?? expect.unreachable('not made');
  beforeAll(async () => {
    site = await prepareHello(sites[target]);
  });

  test('has no number in a rendered file without a decision, a comment or a reason to need none', () => {
    const { merged } = made().decision;
    expect(rendered(merged).flatMap(({ text }) => numbersIn(text)).length).toBeGreaterThan(500);
    expect(unexplained(merged, decisionsOf(made()))).toEqual([]);
  });

  test.each(
    target === 'compose'
      ? [
          ['compose.yaml', '      interval: 5s', '      interval: 7s'],
          ['compose.yaml', '    stop_grace_period: 40s', '    stop_grace_period: 41s'],
          ['compose.yaml', 'memory: 160M', 'memory: 170M'],
          ['compose.yaml', 'pids: 512', 'pids: 513'],
          ['config/edge/nginx.conf', 'ssl_session_timeout 1d', 'ssl_session_timeout 2d'],
          ['config/edge/nginx.conf', 'worker_connections 384', 'worker_connections 385'],
          ['config/edge/nginx.conf', 'burst=200', 'burst=201'],
          ['config/cache/haproxy.cfg', 'timeout connect 2s', 'timeout connect 5s'],
        ]
      : [
          ['k8s/generated/web.yaml', 'minReadySeconds: 5', 'minReadySeconds: 6'],
          ['k8s/generated/web.yaml', 'failureThreshold: 3', 'failureThreshold: 4'],
          ['k8s/generated/edge.yaml', '      maxUnavailable: 0', '      maxUnavailable: 7'],
          ['k8s/generated/database-accounts.yaml', 'backoffLimit: 12', 'backoffLimit: 11'],
          ['k8s/generated/00-namespace.yaml', 'pods: "22"', 'pods: "23"'],
          ['k8s/generated/00-namespace.yaml', 'value: 300000', 'value: 300001'],
          ['k8s/generated/files.yaml', 'storage: 819Gi', 'storage: 820Gi'],
        ],
  )('would show in %s that %j has become %j', (file, from, to) => {
    const text = made().decision.merged.get(file) ?? '';
    expect(text).toContain(from);
    const changed = new Map([...made().decision.merged, [file, text.replace(from, to)]]);
    expect(unexplained(changed, decisionsOf(made())).join()).toContain(`${file}: `);
  });
});

test('so has the way out of a service that may reach few places', async () => {
  const site = await prepareHello({
    ...sites.compose,
    set: { 'services.web.egress': ['hooks.corp.example:443', 'api.corp.example:443', 'mail.corp.example:587'] },
  });
  const { merged } = site.decision;
  expect(unexplained(merged, decisionsOf(site))).toEqual([]);
  const file = 'config/egress/nginx.conf';
  const changed = new Map([...merged, [file, (merged.get(file) ?? '').replace('worker_connections 2048;', 'worker_connections 2049;')]]);
  expect(unexplained(changed, decisionsOf(site)).join()).toContain(`${file}: 2049`);
});

test('each reason why a number needs none, and each place of a decision, is met', () => {
  expect([...decided, ...needless].map(([place]) => place).filter((place) => !used.has(place))).toEqual([]);
});
