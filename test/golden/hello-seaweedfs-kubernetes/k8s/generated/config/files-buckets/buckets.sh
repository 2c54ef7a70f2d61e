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

# ACCOUNT FILE PATH: what the answer to a look is, and nothing where there is none.
status_of() {
  ask "$1" "$2" GET "$3" --connect-timeout 2 --max-time 10 --output /dev/null --write-out '%{http_code}' 2>/tmp/why || true
}

# Compose would recreate whatever depends on a recreated store, so this waits by itself.
deadline=$(($(date +%s) + 180))
until [ "$(status_of berth-root '/run/secrets/files-root' '')" = 200 ]; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "the store files does not answer berth-root within three minutes: $(cat /tmp/why)" >&2
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
  code=$(ask berth-root '/run/secrets/files-root' GET "$1?lifecycle=" --output /tmp/rules --write-out '%{http_code}' 2>/tmp/why) || [ "$code" = 404 ] || {
    echo "the bucket $1 does not say what expires in it: $(cat /tmp/why)" >&2
    exit 1
  }
  if [ "$code" != 404 ] && grep -q berth- /tmp/rules; then administer DELETE "$1?lifecycle="; fi
}

# ACCOUNT FILE BUCKET...: the server knows who may enter from the moment that it started.
enter() {
  account=$1 file=$2
  shift 2
  deadline=$(($(date +%s) + 60))
  for bucket in "$@"; do
    until [ "$(status_of "$account" "$file" "$bucket?list-type=2&max-keys=1")" = 200 ]; do
      if [ "$(date +%s)" -ge "$deadline" ]; then
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
