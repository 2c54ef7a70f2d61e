/** Text that is already HTML. Only {@link html} makes it, so nothing reaches a page unescaped by accident. */
export class Html {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

type Part = string | number | Html | readonly Html[];

/** A template whose every value is escaped, unless it is HTML itself. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const render = (part: Part): string => {
    if (part instanceof Html) return part.toString();
    return typeof part === 'object' ? part.join('') : escapeHtml(String(part));
  };
  return new Html(literals.map((literal, index) => literal + (index < parts.length ? render(parts[index] ?? '') : '')).join(''));
}
