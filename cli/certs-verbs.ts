import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importedPair, renewCertificates, tlsFiles } from '../generator/io/certificates.ts';
import { subjectOf } from '../generator/io/certificate-chain.ts';
import { checkSupplied, namesOf } from '../generator/io/check-supplied.ts';
import { viewCertificate, viewChain } from '../generator/io/describe-certificate.ts';
import type { CertificateView } from '../generator/io/describe-certificate.ts';
import type { Ledger } from '../generator/io/ledger.ts';
import { parseCertificates, parseKey, readSupplied } from '../generator/io/supplied-files.ts';
import type { Supplied } from '../generator/io/supplied-files.ts';
import { BerthError } from '../model/errors.ts';
import type { Problem } from '../model/errors.ts';
import { hostsOf } from '../model/plan.ts';
import type { Plan } from '../model/plan.ts';
import { changeSecrets, readLedger } from './change-secrets.ts';
import type { Context } from './context.ts';
import { describeWritten, writtenAsJson } from './describe-written.ts';
import { serversToStart, viewServers, withoutServers } from './internal-certs.ts';
import { loadSite } from './site.ts';
import type { PreparedSite } from './site.ts';
import { noteOf, paint, table, wrap } from './text.ts';

interface Asked {
  readonly site: string;
  readonly json: boolean;
}

/** Why the leaf of the ledger is not what the edge serves; undefined when it is. */
function servedByOthers({ kubernetes }: Plan): string | undefined {
  if (kubernetes?.existingSecrets['tls'] !== undefined)
    return `the edge serves the Secret ${kubernetes.existingSecrets['tls']}, which somebody else manages (kubernetes.existingSecrets)`;
  return kubernetes?.certificate === 'cert-manager' ? 'cert-manager issues and renews the certificate (kubernetes.certificate)' : undefined;
}

function refuseOthers(plan: Plan): void {
  const others = servedByOthers(plan);
  if (others !== undefined)
    throw new BerthError(
      'unsupported',
      others,
      'see to it there; for one of Berth’s, remove that key from berth.yaml and run `berth generate`',
    );
}

const days = ({ daysLeft, until }: CertificateView): string =>
  daysLeft < 0 ? `expired on ${until.slice(0, 10)}` : `until ${until.slice(0, 10)}, ${daysLeft} ${daysLeft === 1 ? 'day' : 'days'} left`;

const soon = 30;

function describe(title: string, file: string, view: CertificateView, context: Context): string {
  const style = paint(context.color);
  const left = days(view);
  const rows = [
    ['file', file],
    ...(view.names.length > 0 ? [['names', view.names.join(', ')]] : []),
    ['subject', view.subject],
    ['issued by', view.issuer === view.subject ? 'itself' : view.issuer],
    ['valid', view.daysLeft < soon ? style(view.daysLeft < 0 ? 'red' : 'yellow', left) : left],
    ['key', view.key],
    ['SHA-256', view.fingerprint],
  ];
  return `${style('bold', title)}\n${table(rows)}\n`;
}

/** The leaf and its authority, from the ledger; and whether the files that the edge reads hold them. */
export function showCertificates({ site, json }: Asked, context: Context): void {
  const { plan } = loadSite(site, context);
  const ledger = readLedger(site);
  const files = tlsFiles(ledger);
  if (!files || !ledger.leaf) throw new BerthError('io', 'the ledger has no certificate', 'run `berth generate`, which draws one');
  const [leaf, ...above] = viewChain(files.chain, context.now());
  const root = viewCertificate(files.root, context.now());
  const internal = viewServers(plan, ledger, context.now());
  const others = servedByOthers(plan);
  const path = plan.kubernetes ? 'k8s/secrets/tls.yaml' : 'secrets/tls/site.crt';
  const whole = plan.kubernetes !== undefined || (existsSync(join(site, path)) && readFileSync(join(site, path), 'utf8') === files.chain);
  if (!leaf) throw new Error('a leaf without a certificate');
  if (json) {
    const shown = {
      site,
      imported: ledger.leaf.imported !== undefined,
      servedByOthers: others ?? null,
      inPlace: whole,
      leaf,
      chain: above,
      authority: root,
      ...(plan.servers.length === 0 ? {} : { internal }),
    };
    return context.out(`${JSON.stringify(shown, null, 2)}\n`);
  }
  const notes = [
    ...(others === undefined ? [] : [others]),
    ...(whole ? [] : [`${path} is not the one of the ledger: run \`berth generate\``]),
    ...(leaf.daysLeft < soon && others === undefined
      ? [
          ledger.leaf.imported
            ? 'have it issued again and run `berth certs import`: Berth does not replace an imported one'
            : 'run `berth certs renew`',
        ]
      : []),
  ];
  const between = above.slice(0, above.at(-1)?.fingerprint === root.fingerprint ? -1 : undefined);
  context.out(
    [
      describe(`${plan.name}: certificate${ledger.leaf.imported ? ', imported' : ''}`, path, leaf, context),
      ...between.map((view) => describe('authority between', path, view, context)),
      describe('authority', 'secrets/tls/ca.crt', root, context),
      ...(internal.length === 0
        ? []
        : [
            `${paint(context.color)('bold', 'between services')}\n${table(internal.map((one) => [one.service, days(one), one.names.join(', ')]))}\n`,
          ]),
      ...notes.map((note) => `${noteOf(note, context)}\n`),
    ].join('\n'),
  );
}

/** What the new files mean for who is connected now, and what is still to be done. */
function consequences(plan: Plan, rootChanged: boolean, servers: readonly string[]): readonly string[] {
  const trust = rootChanged
    ? ['give secrets/tls/ca.crt to everybody who trusted the old one: they refuse the site until they have it']
    : [];
  if (plan.kubernetes)
    return [
      // Who got the new authority alone would not trust the servers that run: both come by one command.
      ...(servers.length > 0
        ? []
        : [
            'run `kubectl apply -f k8s/secrets`: within a minute or two the edge serves it to new connections, without a restart; open ones stay as they are',
          ]),
      ...trust,
      ...servers,
    ];
  return [
    'the edge serves it from the next connection on, without a restart; open ones stay as they are. There is nothing to run',
    ...trust,
    ...servers,
  ];
}

function report(prepared: PreparedSite, before: Ledger, { site, json }: Asked, context: Context, notes: readonly string[] = []): void {
  const files = tlsFiles(prepared.ledger);
  const next = [
    ...notes,
    ...consequences(prepared.plan, files?.root !== tlsFiles(before)?.root, serversToStart(prepared.plan, before, prepared.ledger)),
  ];
  const [leaf] = viewChain(files?.chain ?? '', context.now());
  if (json) return context.out(`${JSON.stringify({ ...writtenAsJson(site, prepared), leaf, next }, null, 2)}\n`);
  const width = Math.min(context.columns, 110);
  context.out(
    `${describeWritten(prepared, context)}\n\n${leaf ? `the certificate for ${leaf.names.join(', ')} is valid ${days(leaf)}\n` : ''}${next.map((line) => `→ ${wrap(line, width - 2, '  ')}\n`).join('')}`,
  );
}

/** The certificates with which services speak to each other, and no other. */
export async function renewInternal({ site, json }: Asked, context: Context): Promise<void> {
  let before: Ledger | undefined;
  const prepared = await changeSecrets(
    {
      site,
      json,
      change: (ledger, plan) => {
        before = ledger;
        if (plan.servers.length === 0)
          throw new BerthError(
            'unsupported',
            'the services of this site speak to each other without TLS, so there is nothing to renew',
            'write internalTls: true into berth.yaml and run `berth generate`; `berth certs renew` draws the certificate of the edge',
          );
        return withoutServers(ledger);
      },
    },
    context,
  );
  const internal = viewServers(prepared.plan, prepared.ledger, context.now());
  const next = serversToStart(prepared.plan, before ?? prepared.ledger, prepared.ledger);
  if (json) return context.out(`${JSON.stringify({ ...writtenAsJson(site, prepared), internal, next }, null, 2)}\n`);
  const width = Math.min(context.columns, 110);
  context.out(
    `${describeWritten(prepared, context)}\n\n${table(internal.map((one) => [one.service, days(one)]))}\n${next.map((line) => `→ ${wrap(line, width - 2, '  ')}\n`).join('')}`,
  );
}

export async function renew(
  { authority, own, ...asked }: Asked & { readonly authority: boolean; readonly own: boolean },
  context: Context,
): Promise<void> {
  let before: Ledger | undefined;
  const prepared = await changeSecrets(
    {
      ...asked,
      change: (ledger, plan) => {
        before = ledger;
        refuseOthers(plan);
        if (ledger.leaf?.imported && !own)
          throw new BerthError(
            'conflict',
            'the certificate was imported, and only who issued it can renew it',
            'have it issued again and run `berth certs import`; or give it up for one of the site’s own authority with `berth certs renew --own`',
          );
        return renewCertificates(ledger, { hosts: hostsOf(plan), site: plan.name, now: context.now(), random: context.random, authority });
      },
    },
    context,
  );
  report(prepared, before ?? prepared.ledger, asked, context);
}

interface ImportAsked extends Asked {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** @throws BerthError `unsound` with every problem. */
function refuse(problems: readonly Problem[]): never {
  throw new BerthError(
    'unsound',
    `the certificate cannot be used: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}; nothing was written`,
    'see the cure of each, then run the same command again',
    { problems },
  );
}

const problemsOf = (supplied: readonly Supplied<unknown>[]): readonly Problem[] =>
  supplied.flatMap((one) => ('problem' in one ? [one.problem] : []));

export async function importCertificate({ cert, key, ca, ...asked }: ImportAsked, context: Context): Promise<void> {
  const files = [cert, ...(ca === undefined ? [] : [ca])];
  const supplied = files.map((file) => parseCertificates(file, readSupplied(file)));
  const suppliedKey = parseKey(key, readSupplied(key));
  if ('problem' in suppliedKey || supplied.some((one) => 'problem' in one)) refuse(problemsOf([...supplied, suppliedKey]));
  const certificates = supplied.flatMap((one) => ('value' in one ? one.value : []));
  const privateKey = suppliedKey.value;
  const notes: string[] = [];
  let before: Ledger | undefined;
  const prepared = await changeSecrets(
    {
      ...asked,
      change: (ledger, plan) => {
        before = ledger;
        refuseOthers(plan);
        const checked = checkSupplied({ file: cert, keyFile: key, certificates, key: privateKey, domain: plan.domain, now: context.now() });
        if (!('chain' in checked) || checked.problems.length > 0) return refuse(checked.problems);
        const { leaf, chain } = checked;
        if (chain.strays.length > 0)
          notes.push(`not used, as they belong to no chain of it: ${chain.strays.map(({ subject }) => subjectOf(subject)).join(', ')}`);
        if (leaf.checkHost('localhost') === undefined && plan.domain !== 'localhost')
          notes.push(
            `it is not for localhost, which was possible before: on this host use \`curl --resolve ${plan.domain}:${plan.edge.httpsPort}:127.0.0.1\``,
          );
        return {
          ...ledger,
          leaf: importedPair(ledger, {
            key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
            chain: chain.sent.map((one) => one.toString()).join(''),
            root: chain.root?.toString() ?? '',
            names: namesOf(leaf),
            notAfter: leaf.validToDate.toISOString(),
          }),
        };
      },
    },
    context,
  );
  report(prepared, before ?? prepared.ledger, asked, context, notes);
}
