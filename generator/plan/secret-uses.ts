import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { SecretForm, SecretText } from '../../model/planned-secret.ts';

/** One way in which a service receives a secret. */
export interface SecretUse {
  readonly service: PlannedService;
  /** `DATABASE_URL`, or `/run/secrets/database-verifier`. */
  readonly place: string;
  readonly by: 'variable' | 'file';
  /** What the file holds of it. */
  readonly form: SecretForm;
}

const names = (text: SecretText): readonly string[] => text.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.secret]));

/** Everybody who receives a secret of the ledger. */
export function secretUses(plan: Plan, secret: string): readonly SecretUse[] {
  const files = plan.secretFiles.filter(({ of }) => of.includes(secret));
  return plan.services.flatMap((service): readonly SecretUse[] => [
    ...Object.entries(service.secretEnv)
      .filter(([, text]) => names(text).includes(secret))
      .map(([place]) => ({ service, place, by: 'variable', form: 'plain' }) as const),
    ...Object.values(service.operator?.logins ?? {})
      .filter(({ password }) => password === secret)
      .map((login) => ({ service, place: `Secret ${login.secret}`, by: 'file', form: 'plain' }) as const),
    ...files
      .filter(({ name }) => service.secretFiles.includes(name))
      .map((file) => {
        const piece = file.text.find((one) => typeof one !== 'string' && 'secret' in one && one.secret === secret);
        return {
          service,
          place: `/run/secrets/${file.name}`,
          by: 'file',
          form: typeof piece === 'object' && 'form' in piece ? piece.form : 'plain',
        } as const;
      }),
  ]);
}
