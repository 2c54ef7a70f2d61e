#!/bin/sh
# Brings buckets to what berth.yaml says, and looks whether the accounts can enter them. Changes nothing when nothing is to do.
# All of it by plain S3; who may do what, the server reads from a file when it starts.
set -eu

# ACCOUNT FILE METHOD PATH [OPTION...]: a signed request. The key goes by a pipe: words of a command are there to be read for all in the container.
ask() {
  account=$1 file=$2 method=$3 path=$4
  shift 4
  printf 'user = "%s:%s"\n' "$account" "$(cat "$file")" |
    curl --config - --silent --show-error --fail --max-time 30 --aws-sigv4 'aws:amz:us-east-1:s3' --request "$method" "$@" "https://files:8333/$path"
}
administer() { ask berth-root '/run/secrets/files-root' "$@"; }

# Compose would recreate whatever depends on a recreated store, so this waits by itself.
tries=0
until administer GET '' --output /dev/null 2>/tmp/why; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the store files does not answer after three minutes: $(cat /tmp/why)" >&2
    exit 1
  fi
  sleep 1
done

# BUCKET
make() {
  code=$(administer HEAD "$1" --head --output /dev/null --write-out '%{http_code}' 2>/tmp/why) && return 0
  [ "$code" = 404 ] || { echo "the bucket $1 cannot be looked at: $(cat /tmp/why)" >&2; exit 1; }
  administer PUT "$1"
}

# BUCKET Enabled|Suspended: one that never kept versions is as good as one that keeps no more.
version() {
  now=$(administer GET "$1?versioning=")
  case $now in
    *">$2<"*) return 0 ;;
    *'>Enabled<'*) ;;
    *) [ "$2" = Enabled ] || return 0 ;;
  esac
  administer PUT "$1?versioning=" --header 'Content-Type: application/xml' \
    --data-binary "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>$2</Status></VersioningConfiguration>"
}

# BUCKET: rules that stood here before are taken away; those of somebody else stay.
keep_all() {
  case $(administer GET "$1?lifecycle=" 2>/dev/null) in
    *berth-*) administer DELETE "$1?lifecycle=" ;;
  esac
}

# ACCOUNT FILE BUCKET...: the server knows who may enter from the moment that it started.
enter() {
  account=$1 file=$2
  shift 2
  for bucket in "$@"; do
    tries=0
    until ask "$account" "$file" GET "$bucket?list-type=2&max-keys=1" --output /dev/null 2>/tmp/why; do
      tries=$((tries + 1))
      if [ "$tries" -ge 60 ]; then
        echo "the account $account cannot enter $bucket: $(cat /tmp/why)" >&2
        exit 1
      fi
      sleep 1
    done
  done
}

make notes
version notes Enabled
keep_all notes

enter hello-app '/run/secrets/files-app' notes
