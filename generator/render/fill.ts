import { compileTemplate } from './compile-template.ts';
import type { Template } from './compile-template.ts';
import { quote } from './quote.ts';
import type { Format } from './quote.ts';

/** Templates by path below templates/, as `generator/io` read them. */
export type Templates = ReadonlyMap<string, string>;

const compiled = new Map<string, { readonly source: string; readonly fill: Template }>();

function compile(templates: Templates, name: string): Template {
  const source = templates.get(name);
  if (source === undefined) throw new Error(`there is no template ${name}`);
  const known = compiled.get(name);
  if (known?.source === source) return known.fill;
  const fill = compileTemplate(name, source);
  compiled.set(name, { source, fill });
  return fill;
}

/** Fill a template; `{{q value}}` writes a value so that the artifact's format reads it back unchanged. */
export function fill(templates: Templates, name: string, format: Format, view: object): string {
  return compile(templates, name)(view, {
    helpers: {
      q: (value: unknown) => {
        if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
          throw new Error(`template ${name}: {{q}} was given ${typeof value}`);
        return quote(format, value);
      },
    },
  });
}
