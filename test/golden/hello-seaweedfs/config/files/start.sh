#!/bin/sh
# Starts SeaweedFS as one process: master, volume server, filer and S3 gateway. Written by Berth; you may edit it.
set -eu

# Without identities the gateway would serve everybody.
identities='/run/secrets/files-identities'
if ! [ -s "$identities" ]; then
  echo "$identities is empty: without it everybody would be let in" >&2
  exit 1
fi

# The gateway also takes orders of its own kind, on a port beside the one for clients. It obeys who signs with this key, which is drawn at every
# start and known to this process and its children.
WEED_JWT_FILER_SIGNING_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
[ "${#WEED_JWT_FILER_SIGNING_KEY}" -eq 64 ]
export WEED_JWT_FILER_SIGNING_KEY

# What expires is taken away by a worker that does not run by itself: every hour, for ten minutes at most. It remembers how far it came.
# It ends well whatever becomes of it, so what it says is looked at.
expire() {
  while sleep 3600; do
    echo 's3.lifecycle.run-shard -shards 0-15 -s3 127.0.0.1:18333 -events 0 -runtime 10m' |
      GOMEMLIMIT=96MiB weed -logtostderr=true shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 >/tmp/expiry 2>&1 ||
      echo 'error: it was ended' >>/tmp/expiry
    if grep -q -e '^error:' -e '^unknown command' /tmp/expiry; then
      echo "what expires in the buckets was not looked at: $(grep -e '^error:' -e '^unknown command' /tmp/expiry | tail -n 1)" >&2
    fi
  done
}
expire &

# Master, volume server and filer ask nobody who he is, so nobody but this container reaches them.
exec weed -logtostderr=true server \
  -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 \
  -master.port=9333 -master.telemetry=false -filer.port=8888 -volume.index=leveldb -volume.preStopSeconds=1 \
  -s3 -s3.port=8333 -s3.ip.bind=0.0.0.0 -s3.config="$identities" -s3.iam=false -s3.port.iceberg=0 -s3.port.lance=0 \
  "$@"
