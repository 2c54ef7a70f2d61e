import { quoted } from './tree.ts';
import type { Place, Values } from './tree.ts';

/** A word with its description, for _describe: a colon parts the two. */
const described = (word: string, description: string): string =>
  quoted(`${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`);

const written = ({ words, paths }: Values): string =>
  [`paths=${paths}`, `list=(${words.map((word) => described(word, '')).join(' ')})`].join('; ');

export const zshScript = (places: readonly Place[]): string => `#compdef berth
# zsh completion of berth; \`berth completion zsh\` wrote it
# For good: berth completion zsh > "\${fpath[1]}/_berth", then start a new shell

# list: the commands at a place, with what they do.
_berth_commands() {
  list=()
  case $1 in
${places
  .filter(({ commands }) => commands.length > 0)
  .map(
    (place) =>
      `    ${quoted(place.path)}) list=(${place.commands.map(({ word, description }) => described(word, description)).join(' ')}) ;;`,
  )
  .join('\n')}
  esac
}

# list: the options at a place, with what they mean.
_berth_options() {
  list=()
  case $1 in
${places
  .map(
    (place) =>
      `    ${quoted(place.path)}) list=(${place.options.map(({ word, description }) => described(word, description)).join(' ')}) ;;`,
  )
  .join('\n')}
  esac
}

# paths and list: what an option at a place takes, or with an empty option the place itself. False where it takes nothing.
_berth_values() {
  paths=none
  list=()
  case "$1 $2" in
${places
  .flatMap((place) => [
    ...place.options.flatMap(({ word, takes }) => (takes ? [`    ${quoted(`${place.path} ${word}`)}) ${written(takes)} ;;`] : [])),
    `    ${quoted(`${place.path} `)}) ${written(place.values)} ;;`,
  ])
  .join('\n')}
    *) return 1 ;;
  esac
}

_berth() {
  local place='' option='' word current="\${words[CURRENT]}" paths=none
  local -a list
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $option ]]; then
      option=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _berth_values "$place" "$word"; then option=$word; fi
    else
      _berth_commands "$place"
      if (( \${list[(I)$word:*]} )); then place="\${place:+$place }$word"; fi
    fi
  done

  if [[ -n $option ]]; then
    _berth_values "$place" "$option"
  elif [[ $current == -*=* ]]; then
    compset -P 1 '*='
    _berth_values "$place" "\${current%%=*}"
  elif [[ $current == -* ]]; then
    _berth_options "$place"
  else
    _berth_values "$place" ''
    local -a values=("\${list[@]}")
    _berth_commands "$place"
    list+=("\${values[@]}")
  fi
  if (( \${#list} )); then _describe berth list; fi
  if [[ $paths == files ]]; then _files; elif [[ $paths == folders ]]; then _files -/; fi
}

# Loaded from $fpath it is called; sourced it is made known.
if [[ \${funcstack[1]} == _berth ]]; then _berth "$@"; else compdef _berth berth; fi
`;
