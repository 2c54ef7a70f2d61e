import { at, entries, text } from './check.ts';
import type { Check, Finding, Hit, Json } from './check.ts';
import { availabilityChecks } from './availability.ts';
import { composeChecks } from './compose.ts';
import type { Project } from './compose.ts';
import { networkChecks } from './network.ts';
import { operatorChecks } from './operators.ts';
import { orderChecks } from './order.ts';
import { overlayChecks } from './overlay-checks.ts';
import { overlayObject } from './overlay.ts';
import type { Overlay } from './overlay.ts';
import { podChecks } from './pods.ts';
import { worldOf } from './world.ts';
import type { World } from './world.ts';

export interface LintResult {
  readonly findings: readonly Finding[];
  /** What was found and is meant to be so, with the reason that stands beside it. */
  readonly ignored: readonly (Finding & { readonly because: string })[];
  /** What was not looked into. */
  readonly unseen: readonly string[];
}

const kubernetesChecks: readonly Check<World>[] = [
  ...podChecks,
  ...availabilityChecks,
  ...networkChecks,
  ...operatorChecks,
  ...orderChecks,
];

/** Every check, for the reference. */
export const listChecks = (): readonly (Omit<Check<never>, 'find'> & { readonly target: 'compose' | 'kubernetes' })[] => [
  ...[...kubernetesChecks, ...overlayChecks].map((check) => ({ ...check, target: 'kubernetes' as const })),
  ...composeChecks.map((check) => ({ ...check, target: 'compose' as const })),
];

/** `id: reason; other: reason`, as it stands beside an object. */
const readIgnores = (value: Json): ReadonlyMap<string, string> =>
  new Map(
    text(value)
      .split(';')
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .map((one) => {
        const colon = one.indexOf(':');
        return colon < 0 ? ([one, ''] as const) : ([one.slice(0, colon).trim(), one.slice(colon + 1).trim()] as const);
      }),
  );

const ignoreRules = {
  'ignore-without-reason': { rule: 'what is ignored says why', cure: 'write `id: reason`' },
  'ignore-unknown': { rule: 'what is ignored is a check', cure: 'correct its id, or remove it' },
  'ignore-idle': { rule: 'what is ignored happens', cure: 'remove it' },
} as const;

function judge<W>(
  checks: readonly Check<W>[],
  world: W,
  ignores: ReadonlyMap<string, ReadonlyMap<string, string>>,
  where: string,
): Omit<LintResult, 'unseen'> {
  const all = checks.flatMap(({ id, rule, cure, find }) => [...find(world)].map((found: Hit): Finding => ({ ...found, id, rule, cure })));
  const reasonFor = ({ object, id }: Finding): string | undefined => ignores.get(object)?.get(id);
  const complaints = [...ignores].flatMap(([object, reasons]) =>
    [...reasons].flatMap(([id, reason]): readonly Finding[] => {
      const wrong: keyof typeof ignoreRules | undefined = !checks.some((check) => check.id === id)
        ? 'ignore-unknown'
        : reason === ''
          ? 'ignore-without-reason'
          : all.some((finding) => finding.object === object && finding.id === id)
            ? undefined
            : 'ignore-idle';
      return wrong === undefined ? [] : [{ id: wrong, object, path: where, found: id, ...ignoreRules[wrong] }];
    }),
  );
  return {
    findings: [...all.filter((finding) => (reasonFor(finding) ?? '') === ''), ...complaints],
    ignored: all.flatMap((finding) => {
      const because = reasonFor(finding) ?? '';
      return because === '' ? [] : [{ ...finding, because }];
    }),
  };
}

/**
 * The manifests of a site against every check, as its overlay leaves them.
 * @param secrets - keys of the Secrets that stand elsewhere, as `namespace/name/key`.
 */
export function lintKubernetes(overlay: Overlay, secrets: Iterable<string>): LintResult {
  const world = worldOf([...overlay.objects, ...overlay.own], [...secrets, ...overlay.secrets]);
  const where = 'metadata.annotations.berth/lint-ignore';
  const ignores = new Map(world.objects.map(({ id, body }) => [id, readIgnores(at(body, 'metadata', 'annotations', 'berth/lint-ignore'))]));
  const own = new Set(worldOf(overlay.own, []).objects.map(({ id }) => id));
  const manifests = judge(kubernetesChecks, world, ignores, where);
  const site = judge(overlayChecks, overlay, new Map([[overlayObject, readIgnores(overlay.ignores)]]), where);
  return {
    findings: [...site.findings, ...manifests.findings.filter(({ object }) => !own.has(object))],
    ignored: [...site.ignored, ...manifests.ignored.filter(({ object }) => !own.has(object))],
    unseen: overlay.unseen,
  };
}

/** A Compose project against every check. */
export function lintCompose(body: Json): LintResult {
  const project: Project = { body };
  const ignores = new Map(
    // Compose reads `$$` as one.
    entries(at(body, 'services')).map(([name, service]) => [
      `service ${name}`,
      readIgnores(text(at(service, 'labels', 'berth.lint-ignore')).replaceAll('$$', '$')),
    ]),
  );
  return { ...judge(composeChecks, project, ignores, 'labels.berth.lint-ignore'), unseen: [] };
}
