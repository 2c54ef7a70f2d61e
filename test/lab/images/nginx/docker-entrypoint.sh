#!/bin/sh
# Before nginx starts, run what lies in /docker-entrypoint.d: *.envsh is sourced, *.sh is run where it may be.
set -e

say() { [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "$0: $*"; }

if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
  for script in /docker-entrypoint.d/*; do
    case $script in
      *.envsh) if [ -x "$script" ]; then say "Sourcing $script"; . "$script"; else say "Ignoring $script, not executable"; fi ;;
      *.sh) if [ -x "$script" ]; then say "Launching $script"; "$script"; else say "Ignoring $script, not executable"; fi ;;
      *) [ ! -e "$script" ] || say "Ignoring $script" ;;
    esac
  done
  say 'Configuration complete; ready for start up'
fi

exec "$@"
