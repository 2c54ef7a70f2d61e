/** The very views that were handed out: what somebody cuts off one of them is another. */
const given = new WeakSet<Uint8Array>();

/** Says that nobody but who takes these bytes will ever look at them again, or at anything beside them. What came from Node's pool of small ones shares its memory, and stays. */
export function giveAway<T extends Uint8Array>(bytes: T): T {
  if (bytes.byteOffset === 0 && (2 * bytes.length > bytes.buffer.byteLength || bytes.buffer.byteLength > Buffer.poolSize)) given.add(bytes);
  return bytes;
}

/**
 * Frees bytes that were given away, now and not when the collector comes by: it comes the more often the more of them wait for it, and fresh memory costs a page
 * fault for each 4 KiB. What was not given away stays. Nobody may be at work on them any more.
 */
export function letGo(bytes: Uint8Array): void {
  if (given.delete(bytes)) (bytes.buffer as ArrayBuffer).transfer(0);
}
