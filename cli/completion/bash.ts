import { quoted } from './tree.ts';
import type { Place, Values } from './tree.ts';

const written = ({ words, paths }: Values): string => quoted([paths, ...words].join(' '));

/** `berth certs`, as the script counts its way; the name of the program is left out. */
const key = ({ path }: Place): string => quoted(path);

/**
 * bash cuts words at `:` and `=`, so the script cuts the line itself, at spaces; what bash will keep of the word is taken off the answers again.
 */
export const bashScript = (places: readonly Place[]): string => `# bash completion of berth; \`berth completion bash\` wrote it
# Use it now: source <(berth completion bash)
# For good: berth completion bash > ~/.local/share/bash-completion/completions/berth

# REPLY: the commands at a place.
_berth_commands() {
  case $1 in
${places
  .filter(({ commands }) => commands.length > 0)
  .map((place) => `    ${key(place)}) REPLY=${quoted(place.commands.map(({ word }) => word).join(' '))} ;;`)
  .join('\n')}
    *) REPLY='' ;;
  esac
}

# REPLY: the options at a place.
_berth_options() {
  case $1 in
${places.map((place) => `    ${key(place)}) REPLY=${quoted(place.options.map(({ word }) => word).join(' '))} ;;`).join('\n')}
    *) REPLY='' ;;
  esac
}

# REPLY: what an option at a place takes, or with an empty option the place itself: files, folders or none, then words. False where it takes nothing.
_berth_values() {
  case "$1 $2" in
${places
  .flatMap((place) => [
    ...place.options.flatMap(({ word, takes }) => (takes ? [`    ${quoted(`${place.path} ${word}`)}) REPLY=${written(takes)} ;;`] : [])),
    `    ${quoted(`${place.path} `)}) REPLY=${written(place.values)} ;;`,
  ])
  .join('\n')}
    *) REPLY='none'; return 1 ;;
  esac
}

_berth() {
  local line="\${COMP_LINE:0:COMP_POINT}" current='' place='' option='' prefix='' word kind
  local -a words
  read -ra words <<< "$line"
  if [[ $line != *[[:space:]] ]]; then
    current="\${words[\${#words[@]} - 1]}"
    words=("\${words[@]:0:\${#words[@]} - 1}")
  fi
  for word in "\${words[@]:1}"; do
    if [[ -n $option ]]; then
      option=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _berth_values "$place" "$word"; then option=$word; fi
    else
      _berth_commands "$place"
      if [[ " $REPLY " == *" $word "* ]]; then place="\${place:+$place }$word"; fi
    fi
  done

  if [[ -n $option ]]; then
    _berth_values "$place" "$option"
  elif [[ $current == -*=* ]]; then
    prefix="\${current%%=*}="
    _berth_values "$place" "\${current%%=*}"
    current="\${current#*=}"
  elif [[ $current == -* ]]; then
    _berth_options "$place"
    REPLY="none $REPLY"
  else
    _berth_values "$place" ''
    local values=$REPLY
    _berth_commands "$place"
    REPLY="$values $REPLY"
  fi

  kind="\${REPLY%% *}"
  word=''
  if [[ $REPLY == *' '* ]]; then word="\${REPLY#* }"; fi
  COMPREPLY=()
  mapfile -t COMPREPLY < <(
    compgen -W "$word" -- "$current"
    if [[ $kind == files ]]; then compgen -f -- "$current"; elif [[ $kind == folders ]]; then compgen -d -- "$current"; fi
  )
  if [[ $kind != none ]]; then compopt -o filenames 2> /dev/null; fi

  # bash replaces what comes after the last of its breaks only.
  word="$prefix$current"
  local kept=''
  if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then kept="\${word%"\${word##*=}"}"; fi
  if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then kept="\${word%"\${word##*:}"}"; fi
  local index
  for index in "\${!COMPREPLY[@]}"; do
    word="$prefix\${COMPREPLY[index]}"
    COMPREPLY[index]="\${word#"$kept"}"
  done
}

complete -F _berth berth
`;
