import { Argument, Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { placesOf, quoted } from '../../../cli/completion/tree.ts';

const program = new Command('tool').helpCommand(false);
program
  .command('make')
  .description('make it')
  .argument('[DIR]', 'where')
  .option('--size <N>', 'how large')
  .addOption(new Option('--kind <K>', 'which').choices(['a', 'b']))
  .addOption(new Option('--secret', 'not shown').hideHelp())
  .option('--from <FILE>', 'what from')
  .option('--no-fit', 'as it is');
const keys = program.command('keys').helpCommand(false);
keys.command('show').addArgument(new Argument('<WHICH>').choices(['one', 'two']));

const places = placesOf(program, new Map([['--size', ['small', 'large']]]));
const at = (path: string) => places.find((place) => place.path === path);

test('every command and what lies below it is a place', () => {
  expect(places.map(({ path }) => path)).toEqual(['', 'make', 'keys', 'keys show']);
  expect(at('')?.commands).toEqual([
    { word: 'make', description: 'make it' },
    { word: 'keys', description: '' },
  ]);
});

test('an option is told with what it takes: known words, its own choices, files, or nothing', () => {
  expect(at('make')?.options).toEqual([
    { word: '--size', description: 'how large', takes: { words: ['small', 'large'], paths: 'none' } },
    { word: '--kind', description: 'which', takes: { words: ['a', 'b'], paths: 'none' } },
    { word: '--from', description: 'what from', takes: { words: [], paths: 'files' } },
    { word: '--no-fit', description: 'as it is' },
    { word: '--help', description: 'display help for command' },
  ]);
});

test('arguments are told by their choices, or by the folder that they are', () => {
  expect(at('make')?.values).toEqual({ words: [], paths: 'folders' });
  expect(at('keys show')?.values).toEqual({ words: ['one', 'two'], paths: 'none' });
});

test('a text with quotes is quoted for a shell', () => {
  expect(quoted("the site's")).toBe(`'the site'\\''s'`);
});
