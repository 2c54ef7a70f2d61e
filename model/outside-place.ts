/** What a site asks over the network and somebody else runs: a database, a cache, a store, or where its backups lie. */
export interface OutsidePlace {
  readonly name: string;
  /** Its key in berth.yaml. */
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** Whether the applications need it; else it is for backups alone. */
  readonly needed: boolean;
}
