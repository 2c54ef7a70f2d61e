/** Plain bytes in one frame: small enough to have several at work in little memory, large enough to compress as well as one long stream. */
export const frameBytes = 4 * 2 ** 20;
