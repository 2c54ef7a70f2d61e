import type { Argument, Command, Option } from 'commander';

/** What may stand where a value is wanted. */
export interface Values {
  readonly words: readonly string[];
  readonly paths: 'files' | 'folders' | 'none';
}

interface Choice {
  readonly word: string;
  readonly description: string;
}

/** One place of the command line: after `berth`, after `berth certs`, after `berth certs show`. */
export interface Place {
  /** Names of the commands that lead here: `certs show`; empty at the beginning. */
  readonly path: string;
  readonly commands: readonly Choice[];
  readonly options: readonly (Choice & { readonly takes?: Values })[];
  /** Values of its arguments, all of them together. */
  readonly values: Values;
}

/** Words that an option takes and that its own declaration does not list, by its name. */
export type KnownValues = ReadonlyMap<string, readonly string[]>;

/** What stands for a value in the help says what it is: `<FILE>`, `[DIR]`. */
const pathsOf = (placeholder: string): Values['paths'] => {
  if (/DIR/.test(placeholder)) return 'folders';
  return /FILE|SPEC/.test(placeholder) ? 'files' : 'none';
};

function takesOf(option: Option, known: KnownValues): { readonly takes?: Values } {
  if (!option.required && !option.optional) return {};
  const words = [...(option.argChoices ?? known.get(option.long ?? '') ?? [])];
  return { takes: { words, paths: pathsOf(option.flags) } };
}

function valuesOf(all: readonly Argument[]): Values {
  const [paths] = all.map((one) => pathsOf(one.name())).filter((kind) => kind !== 'none');
  return { words: all.flatMap(({ argChoices = [] }) => argChoices), paths: paths ?? 'none' };
}

/** Every place of a command line, from the commands themselves. */
export function placesOf(command: Command, known: KnownValues, path: readonly string[] = []): readonly Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const place: Place = {
    path: path.join(' '),
    commands: commands.map((one) => ({ word: one.name(), description: one.description() })),
    options: help
      .visibleOptions(command)
      .map((option) => ({ word: option.long ?? option.flags, description: option.description, ...takesOf(option, known) })),
    values: valuesOf(command.registeredArguments),
  };
  return [place, ...commands.flatMap((one) => placesOf(one, known, [...path, one.name()]))];
}

/** A text between single quotes of a shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
