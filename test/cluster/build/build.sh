#!/bin/sh
# The programs of a cluster, from the sources that Debian keeps for its kubectl; without network, as everything they need lies with them.
#   build.sh TARBALL VERSION REFLECT2 FOLDER PROGRAM…
set -eu
tarball=$1 version=$2 reflect2=$3 folder=$4
shift 4

tree=$(mktemp -d "${TMPDIR:-/var/tmp}/berth-lab-kubernetes.XXXXXX")
trap 'rm -rf "$tree"' EXIT
tar -xzf "$tarball" -C "$tree" --strip-components=1

# The reflect2 of that time takes maps apart as Go did before 1.18: built by a later one, a server falls over whatever it writes as JSON.
vendored=$tree/vendor/github.com/modern-go/reflect2
rm -rf "$vendored"
cp -r "$reflect2" "$vendored"
rm -f "$vendored"/*_test.go

# A cluster says by these which version it is; without them it would look for a repository.
cat >"$tree/version" <<VERSION
KUBE_GIT_COMMIT='debian'
KUBE_GIT_TREE_STATE='archive'
KUBE_GIT_VERSION='v$version'
KUBE_GIT_MAJOR='${version%%.*}'
KUBE_GIT_MINOR='$(echo "$version" | cut -d. -f2)'
VERSION

export PATH=/usr/lib/go-1.19/bin:$PATH GOROOT=/usr/lib/go-1.19 GOFLAGS=-mod=vendor GOPROXY=off GO111MODULE=on
export HOME="$tree" GOCACHE="$tree/cache" KUBE_GIT_VERSION_FILE="$tree/version"
what=$(printf 'cmd/%s ' "$@")
cd "$tree"
make all WHAT="${what% }" GOLDFLAGS='-s -w'
mkdir -p "$folder"
for program in "$@"; do install -m 0755 "_output/local/bin/linux/$(go env GOARCH)/$program" "$folder/$program"; done
