/** IPv4 addresses from one to another, as numbers. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

const number = (address: string): number => address.split('.').reduce((all, part) => all * 256 + Number(part), 0);

/** `10.201.4.0/22` as numbers; `undefined` for what is no range of IPv4. */
export function parseRange(text: string): AddressRange | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text);
  const bits = Number(match?.[2]);
  if (!match || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const first = Math.floor(number(match[1] ?? '') / size) * size;
  return { first, last: first + size - 1 };
}

/** As whoever set it would write it: `10.201.4.0/22`. */
export function formatRange({ first, last }: AddressRange): string {
  const address = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
  return `${address}/${32 - Math.round(Math.log2(last - first + 1))}`;
}

/** The bits that tell a network of either kind from others, whatever way it is written: those of `10.0.0.1/8` and of `10.0.0.0/8` are the same. */
export function networkBits(text: string): string {
  const [address = '', length] = text.split('/');
  const bits = (radix: number, width: number) => (part: string) => parseInt(part, radix).toString(2).padStart(width, '0');
  const all = address.includes(':') ? groupsOf(address).map(bits(16, 16)) : address.split('.').map(bits(10, 8));
  return `${all.length} ${all.join('').slice(0, length === undefined ? undefined : Number(length))}`;
}

/** The eight parts of an address of IPv6. */
function groupsOf(address: string): readonly string[] {
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail];
}

export const overlap = (one: AddressRange, other: AddressRange): boolean => one.first <= other.last && other.first <= one.last;

/** A network that the host has a route to, and through what; the default route is none. */
export interface RoutedRange extends AddressRange {
  readonly through: string;
}

/** From the text of /proc/net/route: addresses there are little-endian hexadecimal. */
export function parseRoutes(text: string): readonly RoutedRange[] {
  const little = (hex: string): number => parseInt((hex.match(/../g) ?? []).reverse().join(''), 16);
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [through = '', destination, , , , , , mask] = line.split('\t');
      if (!destination || !mask || mask === '00000000') return [];
      const first = little(destination);
      return [{ through, first, last: first + (0xffffffff - little(mask)) }];
    });
}
