import { describeBytes } from '../../model/backup/bytes.ts';
import { appendOnlyFolder, beginAppendOnly } from '../../model/backup/append-only.ts';
import { cacheMark } from '../../model/backup/exchange-mark.ts';
import { valkey } from '../../model/engines/valkey.ts';

const { dataFolder } = valkey;
/** What is on its way, in the volume of each node. */
const workshop = '.berth-restore';
/** In which a node of a cluster keeps who it is and which slots it serves. */
const nodesFile = 'nodes.conf';

/** Shell, in a container like the node's: takes the new data from the standard input, beside the old ones. */
export const fillScript = (bytes: number, folder: string = dataFolder, settings = '/etc/berth/cache/*.conf'): string =>
  [
    'set -eu',
    'umask 077',
    `grep -Eqs '^appendonly "?yes' ${settings} || { echo 'appendonly is not yes in its settings: it would not read what is restored' >&2; exit 1; }`,
    `rm -rf ${folder}/${workshop}`,
    `free=$(df -Pk ${folder} | { read -r _; read -r _ _ _ free _; echo "$free"; })`,
    `[ "$free" -ge ${Math.ceil(bytes / 1024)} ] || { echo "the new data take ${describeBytes(bytes)}, and the volume has $free KiB left" >&2; exit 1; }`,
    `mkdir ${folder}/${workshop}`,
    `cat >${folder}/${workshop}/base.rdb`,
    `[ "$(wc -c <${folder}/${workshop}/base.rdb)" -eq ${bytes} ] || { echo 'not all of it came' >&2; exit 1; }`,
    'sync',
  ].join('\n');

/**
 * Shell: makes the new data those that a server starts with. A server that appends to a file ignores `dump.rdb`: it reads what its manifest names, so the
 * new data become the base of a new manifest. That one takes the place of the old one by one rename for each node; the files of before lie beside, in a
 * folder that is one as the server knows it. Until all nodes have a mark nothing is another than before; from then on `endScript` brings it to its end.
 *
 * @param folders - Of all nodes, as they are mounted.
 * @param kept - Name of the folder with the old data.
 */
export const exchangeScript = (folders: readonly string[], kept: string): string => `set -eu
umask 077
for at in ${folders.join(' ')}; do
  dir=$at/${appendOnlyFolder} new=$at/${workshop} kept=$at/${workshop}/kept base=0 incr=0
  [ -s "$new/base.rdb" ]
  mkdir -p "$dir"
  rm -rf "$kept"
  mkdir "$kept"
  for file in "$dir"/*; do
    [ -f "$file" ] || continue
    ln "$file" "$kept/"
    name=\${file##*/appendonly.aof.} number=\${file##*/appendonly.aof.}
    number=\${number%%.*}
    case $number in '' | *[!0-9]*) continue ;; esac
    case $name in
      *.base.*) [ "$number" -le "$base" ] || base=$number ;;
      *.incr.*) [ "$number" -le "$incr" ] || incr=$number ;;
    esac
  done
  base=$((base + ${ahead})) incr=$((incr + ${ahead}))
  ln -f "$new/base.rdb" "$dir/appendonly.aof.$base.base.rdb"
  : >"$dir/appendonly.aof.$incr.incr.aof"
  printf 'file appendonly.aof.%s.base.rdb seq %s type b\\nfile appendonly.aof.%s.incr.aof seq %s type i\\n' "$base" "$base" "$incr" "$incr" >"$new/manifest"
done
sync
${endScript(folders, kept)}`;

/** How far the numbers of the new files are from those of the old ones: a server that is started on the old ones in the middle of it all gives its own the next. */
const ahead = 1000;

/** Shell: ends an exchange that was cut off when all nodes were ready for it. Cut off itself and run once more it comes to the same. */
export function endScript(folders: readonly string[], kept: string): string {
  const all = folders.join(' ');
  return `set -eu
for at in ${all}; do : >"$at/${cacheMark}"; done
sync
for at in ${all}; do [ ! -d "$at/${workshop}/kept" ] || mv -T "$at/${workshop}/kept" "$at/${kept}"; done
for at in ${all}; do [ ! -e "$at/${workshop}/manifest" ] || mv -f "$at/${workshop}/manifest" "$at/${appendOnlyFolder}/appendonly.aof.manifest"; done
sync
for at in ${all}; do
  for file in "$at/${kept}"/*; do
    name=\${file##*/}
    [ "$name" = appendonly.aof.manifest ] || rm -f "$at/${appendOnlyFolder}/$name"
  done
  rm -rf "$at/${workshop}"
done
sync
for at in ${all}; do rm -f "$at/${cacheMark}"; done`;
}

/** Shell: says how far an exchange has come that was cut off. */
export const lookScript = (folders: readonly string[], kept: string): string => `found=before
for at in ${folders.join(' ')}; do
  [ ! -d "$at/${kept}" ] || found=after
done
for at in ${folders.join(' ')}; do
  [ ! -e "$at/${cacheMark}" ] || found=between
done
echo $found`;

/**
 * Shell: brings the old data back where an exchange has ended, and keeps what was there instead. Cut off and run once more it comes to the same.
 *
 * @param aside - Name of the folder for what was restored.
 */
export const returnScript = (folders: readonly string[], kept: string, aside: string): string => {
  const all = folders.join(' ');
  return `set -eu
for at in ${all}; do : >"$at/${cacheMark}"; done
sync
for at in ${all}; do
  [ -d "$at/${kept}" ] || continue
  to=$at/${aside}
  # A server that was started by hand in between has begun with nothing.
  while [ -e "$at/${appendOnlyFolder}" ] && [ -e "$to" ]; do to=$to-again; done
  [ ! -e "$at/${appendOnlyFolder}" ] || mv -T "$at/${appendOnlyFolder}" "$to"
  mv -T "$at/${kept}" "$at/${appendOnlyFolder}"
done
sync
for at in ${all}; do rm -f "$at/${cacheMark}"; done`;
};

/** Shell: names the folders in which a server would find anything, or anybody has left something. */
export const heldScript = (folders: readonly string[]): string => `for at in ${folders.join(' ')}; do
  for entry in "$at"/.[!.]* "$at"/..?* "$at"/*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    case \${entry##*/} in ${workshop} | ${nodesFile} | lost+found) continue ;; esac
    echo "$at"
    break
  done
done`;

/** Of a node of a cluster: who it is from its first start on, and which part of the keys it serves. */
export interface ClusterPlace {
  /** 40 hexadecimal digits, of which no other node has the same. */
  readonly id: string;
  readonly slots: string;
  /** Another for each that serves something, from 1 on. */
  readonly epoch: number;
  readonly port: number;
}

/**
 * Shell: makes what was filled the data of a server that was never started, by one rename for each. A node of a cluster is told its slots before: one that
 * finds keys and no slots takes those of the keys alone, and its copy would do the same.
 */
export const beginScript = (nodes: readonly { readonly folder: string; readonly place: ClusterPlace | undefined }[]): string =>
  [
    'set -eu',
    'umask 077',
    ...nodes.flatMap(({ folder, place }) => [
      `at=${folder} new=${folder}/${workshop}`,
      ...beginAppendOnly('$new/base.rdb', `$new/${appendOnlyFolder}`),
      ...(place === undefined
        ? []
        : [
            `printf '%s :${place.port}@${place.port + 10_000} myself,master - 0 0 ${place.epoch} connected %s\\nvars currentEpoch ${place.epoch} lastVoteEpoch 0\\n' ${place.id} '${place.slots}' >"$new/${nodesFile}"`,
            'sync',
            `mv -f "$new/${nodesFile}" "$at/${nodesFile}"`,
          ]),
      'sync',
      `[ ! -e "$at/${appendOnlyFolder}" ]`,
      `mv -T "$new/${appendOnlyFolder}" "$at/${appendOnlyFolder}"`,
      'rm -rf "$new"',
    ]),
    'sync',
  ].join('\n');

/** Shell: takes away what was filled, and says something if an exchange of before broke off. */
export const cleanScript = (folder: string = dataFolder): string => `if [ -e ${folder}/${cacheMark} ]; then
  echo exchanging
elif [ -e ${folder}/${workshop}/manifest ]; then
  while read -r file name rest; do rm -f "${folder}/${appendOnlyFolder}/$name"; done <${folder}/${workshop}/manifest
fi
rm -rf ${folder}/${workshop}`;

/** The same for somebody to type, on a node that is stopped. */
export const undoScript = (kept: string, aside: string): string =>
  `cd ${dataFolder} && mv -T ${appendOnlyFolder} ${aside} && mv -T ${kept} ${appendOnlyFolder}`;
