import type { Place, Values } from './tree.ts';

/** Between single quotes, as fish reads them. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const written = ({ words, paths }: Values): string => {
  const list = [
    ...words,
    ...(paths === 'none' ? [] : [`(${paths === 'files' ? '__fish_complete_path' : '__fish_complete_directories'} (commandline -ct))`]),
  ];
  return list.length === 0 ? '' : ` -a ${quoted(list.join(' '))}`;
};

const lines = (place: Place): readonly string[] => {
  const here = `complete -c berth -n ${quoted(`__berth_at ${quoted(place.path)}`)}`;
  return [
    ...place.commands.map(({ word, description }) => `${here} -a ${word} -d ${quoted(description)}`),
    ...place.options.map(
      ({ word, description, takes }) => `${here} -l ${word.slice(2)} -d ${quoted(description)}${takes ? ` -x${written(takes)}` : ''}`,
    ),
    ...(written(place.values) === '' ? [] : [`${here}${written(place.values)}`]),
  ];
};

export const fishScript = (places: readonly Place[]): string => {
  const taking = new Set(places.flatMap(({ options }) => options.flatMap(({ word, takes }) => (takes ? [word] : []))));
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# fish completion of berth; \`berth completion fish\` wrote it
# For good: berth completion fish > ~/.config/fish/completions/berth.fish

# Whether the commands typed so far lead to this place.
function __berth_at
    set -l place
    set -l skip no
    for word in (commandline -opc)[2..]
        if test $skip = yes
            set skip no
        else if contains -- $word ${[...taking].join(' ')}
            set skip yes
        else if not string match -q -- '-*' $word; and contains -- (string join -- ' ' $place $word) ${paths.join(' ')}
            set -a place $word
        end
    end
    set -l at (string join -- ' ' $place)
    test "$at" = "$argv[1]"
end

complete -c berth -f
${places.flatMap(lines).join('\n')}
`;
};
