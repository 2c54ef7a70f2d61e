/** A setting inside an engine, in the order it is written. */
export interface EngineSetting {
  readonly name: string;
  readonly value: string;
  /** One line above it in the file. */
  readonly because: string;
}
