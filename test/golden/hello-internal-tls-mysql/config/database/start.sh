#!/bin/bash
# Starts MySQL by the entrypoint of its image. A first start that was killed half-way leaves a server without its passwords behind: it begins again.
set -eu
unfinished='/var/lib/mysql/first-start-unfinished' data='/var/lib/mysql/data' tmp='/var/lib/mysql/tmp'
if [ -e "$unfinished" ]; then
  echo "the first start did not come to its end: it begins again, with an empty $data" >&2
  rm -rf "$data"
fi
# A restore was cut off between the two steps in which new data take the place of old ones: they do so now.
if [ ! -e "$data" ] && [ -e '/var/lib/mysql/data.restored' ]; then mv -T '/var/lib/mysql/data.restored' "$data"; fi
# Only a folder that this file saw missing is ever removed.
if [ ! -e "$data" ]; then
  touch "$unfinished"
  mkdir "$data"
fi
# What sorts and temporary tables of a process that died have left.
rm -rf "$tmp"
mkdir "$tmp"
/bin/bash '/etc/mysql/conf.d'/keep-log.sh &
# A cluster sets no such limit, and a server takes the one that it finds, however high: some nodes have a billion, for each of which it keeps an entry.
ulimit -n 8192 2>/dev/null || :
exec docker-entrypoint.sh "$@"
