import type { Plan } from '../model/plan.ts';
import { servedOf } from '../model/stack-spec.ts';
import type { StackSpec } from '../model/stack-spec.ts';
import type { Comparison } from '../generator/render/recreated.ts';

/** What a person who edits berth.yaml or release.yaml at night may have overlooked, one sentence each. */
export function releaseHints(plan: Plan, spec: StackSpec, compared: Comparison | undefined): readonly string[] {
  return servedOf(spec).flatMap((app) => {
    const filled = plan.release.get(app.name) ?? [];
    if (filled.length === 0)
      return [
        `release.yaml runs nothing for ${app.name}, so its visitors see the maintenance page: give it a slot there, with image and weight`,
      ];
    const early = filled.filter(
      ({ slot, weight }) => weight > 0 && compared?.scaled.some(({ service, from }) => service === `${app.name}-${slot}` && from === 0),
    );
    return [
      ...early.map(
        ({ slot }) =>
          `nothing runs in ${app.name}-${slot} yet and it has weight already: until \`up\` has ended, its visitors see the maintenance page`,
      ),
      ...(filled.some(({ image }) => image === app.image)
        ? []
        : [
            `${app.name} runs ${filled.map(({ image }) => image).join(' and ')}, as release.yaml says; the image in berth.yaml was only the first one`,
          ]),
    ];
  });
}
