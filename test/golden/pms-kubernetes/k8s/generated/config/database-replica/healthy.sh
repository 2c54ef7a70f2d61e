#!/bin/bash
# Healthy means following: it lets in by TCP, applies what it receives, and is not told off by database. It stays so while database is away, and however far it is behind.
set -euo pipefail
export LC_ALL=C
state=$(mysql --defaults-extra-file='/run/secrets/database-health-client' --host=127.0.0.1 --port=3306 --protocol=tcp --connect-timeout=4 --vertical <<<'SHOW REPLICA STATUS')
if [ -z "$state" ]; then
  echo 'is no replica'
  exit 1
fi
told() { sed -n "s/^ *[A-Za-z]*_$1: *//p" <<<"$state"; }
receives=$(told IO_Running) applies=$(told SQL_Running)
behind=$(sed -n 's/^ *Seconds_Behind_[A-Za-z]*: *//p' <<<"$state")
echo "receives: $receives, applies: $applies, behind by: ${behind/NULL/unknown} s"
[ "$applies" = Yes ] && [ "$receives" != No ]
