#!/bin/sh
# Brings buckets and their accounts to what berth.yaml says. Changes nothing when nothing is to do.
# Buckets by plain S3, accounts by MinIO's own administration: both through mc.
set -eu
root=$(cat '/run/secrets/files-root')
secret=$(cat '/run/secrets/files-app')
export MC_HOST_store="http://${MINIO_ROOT_USER}:${root}@files:9000"
export MC_HOST_app="http://restaurant-reservation-app:${secret}@files:9000"

# Compose would recreate whatever depends on a recreated store, so this waits by itself.
tries=0
until mc --quiet ls store >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the store files does not answer after three minutes: $(mc --quiet ls store 2>&1)" >&2
    exit 1
  fi
  sleep 1
done

mc --quiet mb --ignore-existing store/assets >/dev/null
mc --quiet version enable store/assets >/dev/null
# Rules that stood here before are taken away; those of somebody else stay.
rules=$(mc --quiet ilm rule export store/assets 2>/dev/null) || rules=
case $rules in *berth-*) mc --quiet ilm rule rm --all --force store/assets >/dev/null ;; esac

# ALIAS BUCKET...: whether the account behind that name may list them.
may_enter() {
  alias=$1
  shift
  for bucket in "$@"; do mc --quiet ls "$alias/$bucket" >/dev/null 2>&1 || return 1; done
}

# ALIAS ACCOUNT SECRET POLICY FILE BUCKET...: an account that may do what the file says.
keep_account() {
  alias=$1 account=$2 secret=$3 policy=$4 file=$5
  shift 5
  mc --quiet admin policy create store "$policy" "$file" >/dev/null
  if may_enter "$alias" "$@"; then return 0; fi
  mc --quiet admin user add store "$account" "$secret" >/dev/null
  # Refuses when the policy is attached already, so its answer counts only when the account still cannot enter.
  answer=$(mc --quiet admin policy attach store "$policy" --user "$account" 2>&1) || true
  tries=0
  until may_enter "$alias" "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then
      echo "the account $account cannot enter its buckets: $answer" >&2
      exit 1
    fi
    sleep 1
  done
}

keep_account app restaurant-reservation-app "$secret" restaurant-reservation-app-buckets /etc/berth/buckets/policy.json assets

# Nobody copies the buckets any more.
if mc --quiet admin user info store restaurant-reservation-backup >/dev/null 2>&1; then
  mc --quiet admin user remove store restaurant-reservation-backup >/dev/null
fi
