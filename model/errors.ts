/**
 * Exit codes are API: listed in the README, relied on by scripts.
 * `unexpected` is a bug of ours and the only one that keeps a stack.
 */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  spec: 3,
  capacity: 4,
  conflict: 5,
  io: 6,
  locked: 7,
  unsupported: 8,
  stale: 9,
  unreachable: 10,
  unfit: 11,
  unsound: 12,
  damaged: 13,
  unfinished: 14,
  interrupted: 130,
} as const;

export type FailureKind = Exclude<keyof typeof EXIT, 'ok' | 'unexpected'>;

/** What each exit code tells a script, in the order of their numbers. */
export const exitMeaning: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  unexpected: 'a defect of Berth itself; printed with its stack',
  usage: 'the command line is wrong',
  spec: 'berth.yaml or release.yaml has problems; each is printed with its place',
  capacity: 'the application does not fit the host; the smallest host that would do is printed',
  conflict: 'a file was edited or belongs to somebody else; nothing was written',
  io: 'a file could not be read or written',
  locked: 'another berth works on this site',
  unsupported: 'this version cannot do that yet, or not for this target',
  stale:
    '`generate --check` found that the site differs from its spec, `diff` that the cluster differs from the site, or `images lock --check` that a tag was moved',
  unreachable: 'the cluster, the store or a registry did not answer, or did not let you in',
  unfit:
    '`doctor` found something that keeps the site from running, `images verify` an image that is another one than was locked, or `drill` a site that came back and does not serve',
  unsound: '`lint` found something that should not be so, or a certificate to import is of no use',
  damaged: 'a backup is damaged, incomplete or forged',
  unfinished: 'something was begun that could be neither ended nor undone; what stands is printed',
  interrupted: 'stopped by Ctrl-C or a signal; the site is as it was',
};

/** One thing that is wrong in a document, with its place. Lines and columns count from 1; they are 0 where the file as a whole is meant. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document: `services.web.port`. Empty for the document as a whole. */
  readonly path: string;
  /** What was expected and what was found. */
  readonly message: string;
  /** What to type instead, when it can be known. */
  readonly hint?: string;
}

/** A failure the operator can act on: what happened, to what, and what to do next. Anything else that reaches `main` is a bug. */
export class BerthError extends Error {
  /** Parts of the built program that are loaded late have a copy of this class; a failure of theirs is one all the same. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'BerthError' && 'hint' in value;
  }
  override readonly name = 'BerthError';
  readonly kind: FailureKind;
  /** One imperative sentence: what to type or change next. */
  readonly hint: string;
  /** Every problem at once, when the failure is about a document. */
  readonly problems: readonly Problem[];
  constructor(kind: FailureKind, message: string, hint: string, options: ErrorOptions & { readonly problems?: readonly Problem[] } = {}) {
    super(message, options);
    this.kind = kind;
    this.hint = hint;
    this.problems = options.problems ?? [];
  }
}
