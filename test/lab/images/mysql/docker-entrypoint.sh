#!/usr/bin/env bash
# First start: make the data folder, give root its password, run /docker-entrypoint-initdb.d; every start: become mysql and run the command.
set -eo pipefail
shopt -s nullglob

note() { printf '%s [Note] [Entrypoint]: %s\n' "$(date --rfc-3339=seconds)" "$*"; }
fail() { printf >&2 '%s [ERROR] [Entrypoint]: %s\n' "$(date --rfc-3339=seconds)" "$*"; exit 1; }

# NAME, or the contents of the file NAME_FILE points at, or a default
from_file() {
  local name=$1 file=$1_FILE value=${2:-}
  [ -z "${!name:-}" ] || [ -z "${!file:-}" ] || fail "Both $name and $file are set (but are exclusive)"
  if [ -n "${!name:-}" ]; then value=${!name}; elif [ -n "${!file:-}" ]; then value=$(<"${!file}"); fi
  export "$name=$value"
  unset "$file"
}

# what the server would take for a setting, from its files and these arguments
setting() {
  local name=$1
  shift
  "$@" --verbose --help --log-bin-index="$(mktemp -u)" 2>/dev/null | awk -v name="$name" '$1 == name && /^[^ \t]/ { sub(/^[^ \t]+[ \t]+/, ""); print; exit }'
}

check_settings() {
  local errors
  errors=$("$@" --verbose --help --log-bin-index="$(mktemp -u)" 2>&1 >/dev/null) || fail "mysqld failed while attempting to check config: $errors"
}

read_environment() {
  DATADIR=$(setting datadir "$@") SOCKET=$(setting socket "$@")
  from_file MYSQL_ROOT_HOST '%'
  from_file MYSQL_DATABASE
  from_file MYSQL_USER
  from_file MYSQL_PASSWORD
  from_file MYSQL_ROOT_PASSWORD
}

own_directories() {
  local folder name
  local -a folders=("$DATADIR" "$(dirname "$SOCKET")")
  for name in general-log-file pid-file slow-query-log-file; do
    folder=$(setting "$name" "$@")
    [ -z "$folder" ] || [ "$folder" = NULL ] || folders+=("$(dirname "$folder")")
  done
  folder=$(setting secure-file-priv "$@")
  [ -z "$folder" ] || [ "$folder" = NULL ] || folders+=("$folder")
  mkdir -p "${folders[@]}"
  [ "$(id -u)" != 0 ] || find "${folders[@]}" \! -user mysql -exec chown --no-dereference mysql '{}' +
}

# root's password as an option file, once it has one
password_file() { [ -z "$PASSWORD_IS_SET" ] || printf '[client]\nuser=root\npassword="%s"\n' "$MYSQL_ROOT_PASSWORD"; }
sql() { mysql --defaults-extra-file=<(password_file) --protocol=socket -uroot -hlocalhost --socket="$SOCKET" --comments "$@"; }
# the name the scripts of others expect
docker_process_sql() { sql ${MYSQL_DATABASE:+--database="$MYSQL_DATABASE"} "$@"; }

start_private_server() {
  "$@" --daemonize --skip-networking --default-time-zone=SYSTEM --socket="$SOCKET" || fail 'Unable to start server.'
}
stop_private_server() { mysqladmin --defaults-extra-file=<(password_file) shutdown -uroot --socket="$SOCKET" || fail 'Unable to shut down server.'; }

set_passwords() {
  [ -n "$MYSQL_INITDB_SKIP_TZINFO" ] || mysql_tzinfo_to_sql /usr/share/zoneinfo 2>/dev/null | sql --database=mysql
  if [ -n "$MYSQL_RANDOM_ROOT_PASSWORD" ]; then
    MYSQL_ROOT_PASSWORD=$(openssl rand -base64 24)
    note "GENERATED ROOT PASSWORD: $MYSQL_ROOT_PASSWORD"
  fi
  {
    echo 'SET autocommit = 1; SET @@SESSION.SQL_LOG_BIN = 0;'
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
    echo "GRANT ALL ON *.* TO 'root'@'localhost' WITH GRANT OPTION; FLUSH PRIVILEGES;"
    if [ -n "$MYSQL_ROOT_HOST" ] && [ "$MYSQL_ROOT_HOST" != localhost ]; then
      echo "CREATE USER 'root'@'$MYSQL_ROOT_HOST' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
      echo "GRANT ALL ON *.* TO 'root'@'$MYSQL_ROOT_HOST' WITH GRANT OPTION;"
    fi
    echo 'DROP DATABASE IF EXISTS test;'
  } | sql --database=mysql
  PASSWORD_IS_SET=1
  [ -z "$MYSQL_DATABASE" ] || sql <<<"CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
  if [ -n "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then
    sql <<<"CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';"
    [ -z "$MYSQL_DATABASE" ] || sql <<<"GRANT ALL ON \`${MYSQL_DATABASE//_/\\_}\`.* TO '$MYSQL_USER'@'%';"
  fi
}

run_init_files() {
  local file
  for file; do
    case $file in
      *.sh) if [ -x "$file" ]; then note "running $file"; "$file"; else note "sourcing $file"; . "$file"; fi ;;
      *.sql) note "running $file"; docker_process_sql <"$file" ;;
      *.sql.bz2) note "running $file"; bunzip2 -c "$file" | docker_process_sql ;;
      *.sql.gz) note "running $file"; gunzip -c "$file" | docker_process_sql ;;
      *.sql.xz) note "running $file"; xzcat "$file" | docker_process_sql ;;
      *.sql.zst) note "running $file"; zstd -dc "$file" | docker_process_sql ;;
      *) note "ignoring $file" ;;
    esac
  done
}

wants_help() {
  local argument
  for argument; do
    case $argument in -'?' | --help | --print-defaults | -V | --version) return 0 ;; esac
  done
  return 1
}

main() {
  if [ "${1:0:1}" = - ]; then set -- mysqld "$@"; fi
  if [ "$1" = mysqld ] && ! wants_help "$@"; then
    check_settings "$@"
    read_environment "$@"
    own_directories "$@"
    if [ "$(id -u)" = 0 ]; then exec gosu mysql "$BASH_SOURCE" "$@"; fi
    # a folder that a first start left half-way counts as whole, as it does in the official image
    if [ ! -d "$DATADIR/mysql" ]; then
      [ -n "$MYSQL_ROOT_PASSWORD$MYSQL_ALLOW_EMPTY_PASSWORD$MYSQL_RANDOM_ROOT_PASSWORD" ] ||
        fail 'Database is uninitialized and password option is not specified'
      ls /docker-entrypoint-initdb.d/ >/dev/null # fail before anything is there when the folder cannot be read
      note 'Initializing database files'
      "$@" --initialize-insecure --default-time-zone=SYSTEM
      PASSWORD_IS_SET=''
      note 'Starting temporary server'
      start_private_server "$@"
      set_passwords
      run_init_files /docker-entrypoint-initdb.d/*
      note 'Stopping temporary server'
      stop_private_server
      note 'MySQL init process done. Ready for start up.'
    fi
    # the official binary was compiled with a socket in the volume, which some tools look for
    ln -sfT "$SOCKET" /var/lib/mysql/mysql.sock || :
  fi
  exec "$@"
}

(return 0 2>/dev/null) || main "$@"
