/**
 * The few answers of S3 that are XML: flat, without attributes that matter, names of tags known beforehand. A general parser would bring
 * more risk than it takes away.
 */
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** What stands inside each element of one of those names, as they follow each other. */
export const named = (xml: string, names: readonly string[]): readonly { readonly name: string; readonly xml: string }[] =>
  [...xml.matchAll(new RegExp(`<(${names.join('|')})(?:\\s[^>]*)?>([^]*?)</\\1>`, 'g'))].map((match) => ({
    name: match[1] ?? '',
    xml: match[2] ?? '',
  }));

/** What stands inside each element of that name; elements of one name do not contain each other. */
export const elements = (xml: string, name: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([^]*?)</${name}>`, 'g'))].map((match) => match[1] ?? '');

/** The text of the first element of that name; `undefined` when there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const [found] = elements(xml, name);
  return found?.replaceAll(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex?: string, decimal?: string, entity?: string) => {
    if (entity !== undefined) return entities[entity] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

/** Whether a document has that root and was received to its end. */
export const isWhole = (xml: string, root: string): boolean =>
  new RegExp(`<${root}[\\s>/]`).test(xml) && new RegExp(`(?:</${root}>|<${root}\\s*[^>]*/>)\\s*$`).test(xml);
