/** A host, an address or a subnet outside, and the port there. */
export interface Place {
  readonly host: string;
  readonly port: number;
}
