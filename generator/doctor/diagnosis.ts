import type { NotKnown } from '../../model/host-state.ts';

/** One question to a cluster or a host, answered. */
export interface Diagnosis {
  /** Stable, for scripts: `storage-class`, `quota:hello`. */
  readonly id: string;
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly title: string;
  readonly found: string;
  /** What to do about it, as one sentence; always there unless it passes. */
  readonly cure?: string;
}

type Found = Omit<Diagnosis, 'verdict' | 'cure'>;

export const pass = (id: string, title: string, found: string): Diagnosis => ({ id, verdict: 'pass', title, found });
export const warn = (found: Found, cure: string): Diagnosis => ({ ...found, verdict: 'warn', cure });
export const fail = (found: Found, cure: string): Diagnosis => ({ ...found, verdict: 'fail', cure });

/** What could not be looked at. */
export const unread = (id: string, title: string, what: string): Diagnosis =>
  warn(
    { id, title, found: `${what} could not be read` },
    `ask somebody who may read ${what}, or have yourself allowed to, and run \`berth doctor\` again`,
  );

/** What could not be seen, and why: neither good nor bad. */
export const unseen = (id: string, title: string, { notKnown }: NotKnown, cure = 'see to it yourself, as Berth could not'): Diagnosis =>
  warn({ id, title, found: `not known: ${notKnown}` }, cure);

/** What only the engine tells, when it does not answer. */
export const unanswered = (id: string, title: string): Diagnosis =>
  unseen(id, title, { notKnown: 'the engine does not answer' }, 'see to the engine first, and run `berth doctor` again');

/** `a, b, c and 4 more`. */
export function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
