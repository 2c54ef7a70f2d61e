#!/bin/sh
# Flags or a configuration file alone mean valkey-server; root becomes valkey and gives it the data folder.
set -e

case ${1:-} in -* | *.conf) set -- valkey-server "$@" ;; esac

if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user valkey -exec chown valkey '{}' +
  exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$0" "$@"
fi

# files made by the server are its own affair, unless another umask was asked for
[ "$(umask)" != 0022 ] || umask 0077

# the official build has protected mode off where nothing says otherwise; the packaged one has it on
if [ "$1" = valkey-server ]; then
  shift
  case ${1:-} in
    '' | -*) set -- --protected-mode no "$@" ;;
    *) if ! grep -qsi '^[[:space:]]*protected-mode' "$1"; then file=$1; shift; set -- "$file" --protected-mode no "$@"; fi ;;
  esac
  case " $* " in *' --version '* | *' -v '* | *' --help '* | *' -h '*) exec valkey-server --version ;; esac
  set -- valkey-server "$@"
fi

# shellcheck disable=SC2086 # flags, so words
exec "$@" $VALKEY_EXTRA_FLAGS
