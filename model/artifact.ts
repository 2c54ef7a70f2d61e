/**
 * One file of a site.
 * `generated` text may be edited by the operator and is merged three ways; an edited `owned` file is a conflict;
 * an `asked` one is the operator's, with the change that he asked for; a `secret` file is Berth's alone and is rewritten without a base copy; `once` is written when absent and then the operator's.
 */
export interface Artifact {
  /** Relative to the site folder, `/` separated. */
  readonly path: string;
  readonly content: string;
  readonly mode: 0o644 | 0o600 | 0o444;
  readonly policy: 'generated' | 'owned' | 'secret' | 'once' | 'asked';
}
