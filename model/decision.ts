/** A number or name that was decided, with everything needed to doubt it. */
export interface Decision {
  /** `database.shared_buffers`: the service, then the field's own name for the setting. */
  readonly key: string;
  /** As it is written where it ends up: `1408MB`. */
  readonly value: string;
  readonly formula: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** Where the formula or the number comes from. */
  readonly source: string;
  /** What the operator would change to change it. */
  readonly change: string;
}
