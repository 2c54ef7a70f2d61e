import Handlebars from 'handlebars';

export type Template = ReturnType<typeof Handlebars.compile>;

/** Strict, and no helper but `q`: a template cannot compute, and a field that is missing throws. */
export const templateOptions = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: { q: true } } as const;

/** A template ready to fill. The built program has a stand-in for this file that compiled every template beforehand. */
export const compileTemplate = (_name: string, source: string): Template => Handlebars.compile(source, templateOptions);
