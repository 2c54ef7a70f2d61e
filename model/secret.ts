const hidden = '[secret]';
const values = new WeakMap<Secret, string>();

/** A value that cannot print itself: strings, JSON and `util.inspect` all show `[secret]`. */
export class Secret {
  constructor(value: string) {
    values.set(this, value);
  }
  /** The plain value. Called only where it leaves the program: generator/io and the adapters of the runtime. */
  reveal(): string {
    return values.get(this) ?? '';
  }
  toString(): string {
    return hidden;
  }
  toJSON(): string {
    return hidden;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return hidden;
  }
}

/** A secret by its name in the ledger; plans and artifacts hold these, never values. */
export interface SecretRef {
  readonly secret: string;
  /** `url`: as a part of a URL has it, where it was not drawn by Berth and may hold any character. */
  readonly encoded?: 'url';
  /** Not its value, but which of two logins it opens at present: PostgreSQL knows one password for each. */
  readonly login?: readonly [first: string, second: string];
}
