import { writtenClaims } from '../generator/io/written-claims.ts';
import { overlayFile } from '../generator/lint/overlay.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../model/artifact.ts';
import { BerthError } from '../model/errors.ts';
import type { Problem } from '../model/errors.ts';
import { hostsOf } from '../model/plan.ts';
import type { Plan } from '../model/plan.ts';
import type { WrittenRelease } from '../model/release.ts';
import type { StackSpec } from '../model/stack-spec.ts';
import { signersFile } from '../model/backup/site-files.ts';
import { readAssets } from '../generator/io/assets.ts';
import type { Assets } from '../generator/io/assets.ts';
import { renderBackupKeys } from '../generator/io/backup-keys.ts';
import { drawCertificates, drawServers, importedTrouble } from '../generator/io/certificates.ts';
import { readMore, readState } from '../generator/io/disk.ts';
import { readPublicKeys } from '../generator/io/public-keys.ts';
import type { FoundKeys } from '../generator/io/public-keys.ts';
import { awaitedSecrets, suppliedPath, supplySecrets } from '../generator/io/supplied-secrets.ts';
import { drawMissing, ledgerPath, parseLedger, secretVersion } from '../generator/io/ledger.ts';
import type { Ledger } from '../generator/io/ledger.ts';
import { trustTrouble } from '../generator/io/trust-trouble.ts';
import { readSpecBytes } from '../generator/io/read-spec-bytes.ts';
import { renderSecretManifests } from '../generator/io/secret-manifests.ts';
import { formerKey, renderSecretFiles } from '../generator/io/secret-files.ts';
import { decideChanges } from '../generator/merge/decide-changes.ts';
import type { Decision, SiteState } from '../generator/merge/decide-changes.ts';
import { mirrorImages } from '../generator/plan/mirror.ts';
import { makePlan } from '../generator/plan/make-plan.ts';
import { hasLists } from '../generator/plan/services/surroundings.ts';
import { openWays } from '../generator/plan/services/ways.ts';
import { renderAgent } from '../generator/render/agent.ts';
import { checkComposeReferences, checkParses } from '../generator/render/check.ts';
import { renderCompose, renderEnv } from '../generator/render/compose.ts';
import { configHashes } from '../generator/render/config-hash.ts';
import { renderConfigs } from '../generator/render/configs.ts';
import { renderEdge } from '../generator/render/edge.ts';
import { kubernetesPaths, placeConfigs, renderKubernetes, renderNamespacesFirst } from '../generator/render/kubernetes/index.ts';
import { renderFirstRelease } from '../generator/render/first-release.ts';
import { renderRunbook } from '../generator/render/runbook.ts';
import { renderRuntime } from '../generator/render/runtime-config.ts';
import { renderTimers } from '../generator/render/timers.ts';
import { specJsonSchema } from '../generator/spec/json-schema.ts';
import { decodeText } from '../generator/spec/document.ts';
import { editSpec } from '../generator/spec/edit-spec.ts';
import type { SpecEdit } from '../generator/spec/edit-spec.ts';
import { parseRelease } from '../generator/spec/parse-release.ts';
import { parseSpec } from '../generator/spec/parse-spec.ts';
import type { Parsed } from '../generator/spec/parse-spec.ts';
import type { Context } from './context.ts';

export const specFile = 'berth.yaml';
const releaseFile = 'release.yaml';

/** A site as it stands in its spec and release. */
export interface LoadedSite {
  readonly assets: Assets;
  readonly spec: StackSpec;
  readonly release: WrittenRelease | undefined;
  readonly plan: Plan;
  /** What it was read from: spec and release. */
  readonly documents?: readonly (Uint8Array | undefined)[];
  /** The spec itself, when the command line asked for a change of it. */
  readonly asked?: readonly Artifact[];
}

/** What a run would write, before anything is written. */
export interface PreparedSite {
  readonly spec: StackSpec;
  readonly plan: Plan;
  readonly state: SiteState;
  readonly decision: Decision;
  readonly ledger: Ledger;
  /** Secrets that were drawn in this run. */
  readonly drawn: readonly string[];
  /** Files in which secrets are to be supplied. */
  readonly awaited: readonly string[];
  /** What nobody but the operator can see to. */
  readonly notices: readonly string[];
}

/** The value of a parsed document. @throws BerthError `spec` with every problem. */
export function expectParsed<T>(parsed: Parsed<T>, file: string, cure = `correct ${file}`): T {
  if (parsed.ok) return parsed.value;
  const problems: readonly Problem[] = parsed.problems;
  throw new BerthError(
    'spec',
    `${file} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
    `${cure}; nothing was written`,
    { problems },
  );
}

const readDocuments = (site: string): readonly (Uint8Array | undefined)[] =>
  [specFile, releaseFile].map((file) => (existsSync(join(site, file)) ? readSpecBytes(site, file) : undefined));

/** The site once more, now that it is locked; read and planned again only when somebody changed it meanwhile. */
export function reloadSite(site: string, known: LoadedSite | undefined, context: Context, environment?: string): LoadedSite {
  const now = readDocuments(site);
  const same = known?.documents?.every((bytes, index) => Buffer.compare(bytes ?? Buffer.alloc(0), now[index] ?? Buffer.alloc(0)) === 0);
  return known && same ? known : loadSite(site, context, environment);
}

/** The spec with another environment chosen, and what its problems call it. */
function inEnvironment(bytes: Uint8Array, environment: string): { readonly text: string; readonly file: string } {
  const file = `${specFile} with environment: ${environment}`;
  const text = decodeText(bytes, specFile);
  const edit: SpecEdit = { path: ['environment'], value: environment, only: 'always' };
  const edited = typeof text === 'string' ? editSpec(text, specFile, [edit], []) : { text: '', problems: [text] };
  return {
    text: expectParsed(edited.problems.length > 0 ? { ok: false, problems: edited.problems } : { ok: true, value: edited.text }, specFile),
    file,
  };
}

/** @throws BerthError `usage` for a folder without a spec. */
export function refuseNoSite(site: string): void {
  if (!existsSync(join(site, specFile)))
    throw new BerthError(
      'usage',
      `${site} is not a site: it has no ${specFile}`,
      'name the folder with --site DIR, or make one with `berth init DIR`',
    );
}

/** Read and plan a site, in another environment than it says when one is named. @throws BerthError when the folder is no site, a document has problems or the host is too small. */
export function loadSite(site: string, context: Context, environment?: string): LoadedSite {
  refuseNoSite(site);
  const documents = readDocuments(site);
  const bytes = documents[0] ?? readSpecBytes(site, specFile);
  if (environment === undefined) return { ...planSite(expectParsed(parseSpec(bytes, specFile), specFile), site, context), documents };
  const { text, file } = inEnvironment(bytes, environment);
  const spec = expectParsed(parseSpec(Buffer.from(text), file), file, `correct ${specFile}, or name another environment`);
  return { ...planSite(spec, site, context), documents, asked: [{ path: specFile, content: text, mode: 0o644, policy: 'asked' }] };
}

/** A release that is gone is not guessed: the first one would bring back an old image in a slot where nothing runs. */
function refuseLostRelease(site: string): void {
  if (existsSync(join(site, releaseFile)) || !existsSync(join(site, '.berth/hashes.json')) || !existsSync(join(site, '.env'))) return;
  throw new BerthError(
    'io',
    `${releaseFile} is gone, and the site has run with one`,
    `restore ${releaseFile} from your last copy of the site folder, or write it anew: .env has the image and replicas of each slot, config/weights/weights.json the weights`,
  );
}

/** Another name is another project to Docker: it would start beside the old one, on empty volumes. */
function refuseOtherName(plan: Plan, { current }: SiteState): void {
  const before =
    /^name: "([^"]+)"$/m.exec(current.get('compose.yaml') ?? '')?.[1] ??
    /^ {4}app\.kubernetes\.io\/instance: "?([a-z0-9-]+)"?$/m.exec(current.get('k8s/generated/00-namespace.yaml') ?? '')?.[1];
  if (before === undefined || before === plan.name) return;
  throw new BerthError(
    'conflict',
    `the site was called ${before} and berth.yaml calls it ${plan.name}: its volumes are those of ${before}, and a second site would start on empty ones`,
    `write \`name: ${before}\` again; for another name, make a new site and restore a backup there`,
  );
}

/** All of a site is copied: each backup would hold the key to itself, or all that were made before it. */
function refuseInside(site: string, { backups }: StackSpec): void {
  const key = backups?.drill?.key;
  if (key?.startsWith(`${site}/`))
    throw new BerthError(
      'spec',
      `${key}, the key of the drills, lies in the site, all of which is copied: each backup would hold the key to itself`,
      `put it elsewhere on this host, where its owner alone may read it, and correct backups.drill.key in ${specFile}`,
    );
  const folder = [backups?.store, backups?.offsite?.store]
    .map((store) => (store && 'folder' in store ? store.folder : undefined))
    .find((each) => `${each ?? ''}/`.startsWith(`${site}/`));
  if (folder !== undefined)
    throw new BerthError(
      'spec',
      `${folder}, where backups go, lies in the site, and would be copied into itself`,
      `name a folder outside of it under backups in ${specFile}`,
    );
}

/** The other target has other volumes: what runs there would be left alone, with all its data. */
function refuseOtherTarget(plan: Plan, { hashes }: SiteState): void {
  const before = hashes.has('compose.yaml') ? 'compose' : hashes.has('k8s/generated/kustomization.yaml') ? 'kubernetes' : plan.target;
  if (before === plan.target) return;
  throw new BerthError(
    'conflict',
    `the site was made for ${before}, and berth.yaml says target: ${plan.target}`,
    `write \`target: ${before}\` again; for the other target make a new site with \`berth init DIR --from ${specFile} --target ${plan.target}\` and restore a backup there`,
  );
}

/** Plan a spec that was read already. */
export function planSite(spec: StackSpec, site: string, context: Context): LoadedSite {
  refuseLostRelease(site);
  const found = readAssets(context.root);
  const assets = { ...found, images: mirrorImages(found.images, spec.registry) };
  const release = existsSync(join(site, releaseFile))
    ? expectParsed(parseRelease(readSpecBytes(site, releaseFile), releaseFile, spec), releaseFile)
    : undefined;
  const claims = spec.target === 'kubernetes' ? writtenClaims(site) : [];
  return { assets, spec, release, plan: makePlan({ spec, profile: assets.profile(spec.profile), images: assets.images, release, claims }) };
}

/** Everything of a site but what the target starts from, which needs to know what the others become after merging. */
function renderAround(
  { plan, spec, assets }: LoadedSite,
  ledger: Ledger,
  extra: readonly Artifact[],
  { current }: SiteState,
): readonly Artifact[] {
  const [runtime, ...agents] = renderRuntime(plan, assets.templates);
  const configs = [...renderEdge(plan, assets.templates), ...renderConfigs(plan, assets.templates), ...agents];
  return [
    ...extra,
    { path: '.berth/berth.schema.json', content: specJsonSchema(), mode: 0o644, policy: 'owned' },
    renderFirstRelease(spec, assets.templates),
    runtime,
    renderRunbook(plan, assets.templates),
    ...renderBackupKeys(plan, ledger),
    ...(plan.kubernetes
      ? [...placeConfigs(plan, configs), ...renderSecretManifests(plan, ledger, renderNamespacesFirst(plan))]
      : [
          renderEnv(plan, assets.templates),
          ...renderTimers(plan, assets.templates),
          ...renderAgent(plan, assets.templates),
          ...configs,
          ...renderSecretFiles(plan, ledger),
          ...formerKey(ledger, current),
        ]),
  ];
}

/** What the overlay makes of an image. One that cannot be read is for lint to show, and for kubectl to refuse. */
async function overlaidIn({ current }: SiteState): Promise<(image: string) => string> {
  const overlay = current.get(overlayFile) ?? '';
  // Its reader is loaded for those alone that ask for it.
  if (!/^images:/m.test(overlay)) return (image) => image;
  const { imageRewriter } = await import('./overlay-images.ts');
  try {
    return imageRewriter(overlay);
  } catch {
    return (image) => image;
  }
}

/** What the target starts from: compose.yaml, or the manifests. */
function renderTarget(
  { plan, assets: { images, templates } }: LoadedSite,
  merged: ReadonlyMap<string, string>,
  ledger: Ledger,
  keys: FoundKeys,
  overlaid: (image: string) => string,
): readonly Artifact[] {
  const version = (name: string) => secretVersion(ledger, name);
  const signers = merged.get(signersFile);
  const publicKeys = new Map([...keys.files, ...(signers === undefined ? [] : [[signersFile, signers] as const])]);
  return plan.kubernetes
    ? renderKubernetes({ plan, images, overlaid, merged, secretVersion: version, publicKeys })
    : [renderCompose(plan, templates, images, configHashes(plan, merged, version))];
}

/** A ledger that is gone is not drawn anew while anything that was made of it is there: volumes know those passwords. */
function refuseLostLedger({ current, hashes }: SiteState): void {
  const orphans = [...current.keys()].filter((path) => /^(?:k8s\/)?secrets\//.test(path) && hashes.has(path));
  if (current.has(ledgerPath) || !hashes.has(ledgerPath) || orphans.length === 0) return;
  throw new BerthError(
    'io',
    `${ledgerPath} is gone, and ${orphans.length} files that were made of it are still there`,
    `restore ${ledgerPath} from your last copy of the site folder; where no volume holds data yet, delete all of ${orphans[0]?.startsWith('k8s/') ? 'k8s/secrets' : 'secrets'}/ to have every secret drawn anew`,
  );
}

/**
 * Draw what is missing, render, merge with what is on disk, and decide what to write. Writes nothing.
 * `change` is done to the ledger, once it has all that the plan needs.
 */
export async function prepareSite(
  site: string,
  loaded: LoadedSite,
  extra: readonly Artifact[],
  context: Context,
  change: (ledger: Ledger) => Ledger | Promise<Ledger> = (ledger) => ledger,
): Promise<PreparedSite> {
  const { plan, spec } = loaded;
  const before = readState(site, [
    ledgerPath,
    ...plan.secrets.flatMap((secret) => (secret.supplied === undefined ? [] : suppliedPath(secret))),
  ]);
  const known = parseLedger(before.current.get(ledgerPath));
  refuseLostLedger(before);
  const filled = await drawCertificates(
    drawMissing(supplySecrets(known, plan.secrets, before.current, context.now()), plan.secrets, context.random, context.now()),
    hostsOf(plan),
    plan.name,
    context.now(),
    context.random,
  );
  const ledger = await drawServers(await change(filled), known, plan.servers, context.now(), context.random);
  const keys = plan.kubernetes ? readPublicKeys(site, plan) : { files: new Map(), missing: [] };
  const around = renderAround(loaded, ledger, extra, before);
  const state = readMore(site, before, [
    ...around.map(({ path }) => path),
    ...(plan.kubernetes ? kubernetesPaths(plan) : ['compose.yaml']),
  ]);
  refuseInside(site, spec);
  refuseOtherName(plan, state);
  refuseOtherTarget(plan, state);
  const artifacts = [...around, ...renderTarget(loaded, decideChanges(around, state).merged, ledger, keys, await overlaidIn(state))];
  // What lies there as it would be written was checked when it was.
  const fresh = artifacts.filter(({ path, content }) => state.current.get(path) !== content);
  checkParses(fresh);
  const compose = artifacts.find(({ path }) => path === 'compose.yaml');
  if (fresh.length > 0 && compose)
    checkComposeReferences(
      compose.content,
      new Set(artifacts.map(({ path }) => path)),
      new Set(loaded.plan.services.flatMap(({ mounts }) => mounts.filter(({ from }) => from !== undefined).map(({ source }) => source))),
    );
  const drawn = [...ledger.secrets.keys()].filter((name) => secretVersion(ledger, name) !== secretVersion(known, name));
  return {
    spec,
    plan,
    state,
    decision: decideChanges(artifacts, state),
    ledger,
    awaited: awaitedSecrets(ledger, plan.secrets).map((secret) => suppliedPath(secret)),
    drawn: [...drawn, ...(ledger.leaf !== known.leaf ? ['tls'] : [])],
    notices: [
      importedTrouble(ledger.leaf, hostsOf(plan), context.now()),
      ...trustTrouble(spec.trust, context.now()),
      ...keys.missing,
      ...(hasLists(spec) ? openWays(spec) : []),
    ].filter((notice) => notice !== undefined),
  };
}

/** Shows what keeps Berth from writing, all of it, and stops. @throws BerthError `conflict`. */
export function refuseConflicts({ decision }: PreparedSite, json: boolean, context: Context): void {
  const [first, ...others] = decision.conflicts;
  if (!first) return;
  if (!json) for (const { path, reason, diff } of decision.conflicts) context.err(`${path} ${reason}\n${diff ? `${diff}\n` : ''}\n`);
  throw new BerthError(
    'conflict',
    `${first.path} ${first.reason}${others.length > 0 ? `, and ${others.length} more` : ''}; nothing was written`,
    first.hint,
    json
      ? {
          problems: decision.conflicts.map(({ path, reason, hint }) => ({
            file: path,
            line: 1,
            column: 1,
            path: '',
            message: reason,
            hint,
          })),
        }
      : {},
  );
}
