#!/bin/bash
# Starts MongoDB without the entrypoint of its image, which would make accounts on a server that asks nobody who they are.
set -eu
umask 077
# The server takes a key file only when it is its own and nobody else may read it; what is mounted belongs to somebody else.
rm -f '/tmp/keyfile'
cat '/run/secrets/database-keyfile' >'/tmp/keyfile'
chmod 0400 '/tmp/keyfile'
volume='/data/db' data='/data/db/data' moving='/data/db/data.moving'
# A restore was cut off between the two steps in which new data take the place of old ones: they do so now.
if [ ! -e "$data" ] && [ -e '/data/db/data.restored' ]; then mv -T '/data/db/data.restored' "$data"; fi
# Data of an earlier version lie in the volume itself. They get a folder of their own, in which others can take their place in one step; cut off, it goes on at the next start.
if [ ! -e "$data" ] && { [ -e "$volume/WiredTiger" ] || [ -e "$moving" ]; }; then
  mkdir -p "$moving"
  find "$volume" -mindepth 1 -maxdepth 1 ! -name "${moving##*/}" ! -name lost+found -exec mv -t "$moving" {} +
  mv -T "$moving" "$data"
fi
mkdir -p "$data"
mark='/data/db/data/first-start-done'
# Whoever joins begins no set: the others take it in, and it copies them.
if [ "${1:-}" != joins ] && [ ! -e "$mark" ]; then
  # Beside the server, as only whoever comes from its own host may begin a set and make the first account; again and again, as it may be stopped half-way.
  (
    until mongosh --nodb --quiet --norc --file '/etc/berth/database/first-start.js'; do sleep 5; done
    touch "$mark"
  ) &
fi
exec mongod --config '/etc/berth/database/mongod.conf'
