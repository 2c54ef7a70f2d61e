#!/bin/sh
# The base of every lab image: Debian 13, minimal, without documentation. Runs on the host, as root.
#   build.sh REFERENCE HASH MIRROR KEYRING
set -eu
reference=$1 hash=$2 mirror=$3 keyring=$4

tree=$(mktemp -d "${TMPDIR:-/tmp}/berth-lab-base.XXXXXX")
trap 'rm -rf "$tree"' EXIT
debootstrap --variant=minbase --keyring="$keyring" trixie "$tree" "$mirror"

# trixie is what a package comes from; unstable is known, and used only where a Dockerfile names it
rm -f "$tree/etc/apt/sources.list"
cat >"$tree/etc/apt/sources.list.d/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $mirror
Suites: sid
Components: main
Check-Valid-Until: no
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
printf 'Package: *\nPin: release n=sid\nPin-Priority: 1\n' >"$tree/etc/apt/preferences.d/lab"
printf 'APT::Install-Recommends "false";\nAPT::Install-Suggests "false";\nAcquire::Languages "none";\n' >"$tree/etc/apt/apt.conf.d/lab"

# packages installed later leave out what a slim image leaves out, and start no daemons
for path in doc man info locale lintian; do
  printf 'path-exclude /usr/share/%s/*\n' "$path"
done >"$tree/etc/dpkg/dpkg.cfg.d/slim"
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 0755 "$tree/usr/sbin/policy-rc.d"
rm -rf "$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/* \
  "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb "$tree"/var/log/*.log

tar -C "$tree" -c . | docker import --change "LABEL berth.lab.hash=$hash" --change 'CMD ["bash"]' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$reference"
