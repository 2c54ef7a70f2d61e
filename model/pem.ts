const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

/** Whether these bytes are one value of DER, whole: what was pasted in part is not. */
function isWhole(der: string): boolean {
  const [tag, length] = [der.charCodeAt(0), der.charCodeAt(1)];
  if (tag !== 0x30) return false;
  if (length < 0x80) return der.length === 2 + length;
  const count = length - 0x80;
  const size = Array.from({ length: count }, (_, index) => der.charCodeAt(2 + index)).reduce((all, byte) => all * 256 + byte, 0);
  return count <= 3 && der.length === 2 + count + size;
}

const decoded = (base64: string): string => {
  try {
    return atob(base64);
  } catch {
    return '';
  }
};

/** The certificates of a text, each as every program reads it; `undefined` when there is none, or when one is damaged or something else stands among them. */
export function certificatesIn(text: string): readonly string[] | undefined {
  const bodies = [...text.matchAll(block)].map(([, body = '']) => body.replaceAll(/\s/g, ''));
  if (bodies.length === 0 || text.replaceAll(block, '').includes('-----') || !bodies.every((body) => isWhole(decoded(body))))
    return undefined;
  return bodies.map((body) => `-----BEGIN CERTIFICATE-----\n${body.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`);
}
