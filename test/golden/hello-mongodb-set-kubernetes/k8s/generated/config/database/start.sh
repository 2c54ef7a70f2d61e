#!/bin/bash
# Starts MongoDB without the entrypoint of its image, which would make accounts on a server that asks nobody who they are.
set -eu
umask 077
# The server takes a key file only when it is its own and nobody else may read it; what is mounted belongs to somebody else.
rm -f '/tmp/keyfile'
cat '/run/secrets/database-keyfile' >'/tmp/keyfile'
chmod 0400 '/tmp/keyfile'
mark='/data/db/first-start-done'
# Whoever joins begins no set: the others take it in, and it copies them.
if [ "${1:-}" != joins ] && [ ! -e "$mark" ]; then
  # Beside the server, as only whoever comes from its own host may begin a set and make the first account; again and again, as it may be stopped half-way.
  (
    until mongosh --nodb --quiet --norc --file '/etc/berth/database/first-start.js'; do sleep 5; done
    touch "$mark"
  ) &
fi
exec mongod --config '/etc/berth/database/mongod.conf'
