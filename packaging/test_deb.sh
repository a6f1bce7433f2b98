#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages in a fresh Debian 12 root: lintian, install, start, calls, upgrade while clients write, purge.
# Needs root, debootstrap and lintian; says so and ends with 77 without them.
# usage: packaging/test_deb.sh PACKAGES_DIR [--old OLD_PACKAGES_DIR | --old-bin DIR] [--root KEPT_ROOT]
#   --old     packages of an earlier version, to upgrade from; without it the same packages are installed again
#   --old-bin sextant and sextantd of an earlier version that had no packages: some are made of them
#   --root    a debootstrap root to copy instead of making one
set -euo pipefail
packages=$(realpath "${1:?usage: test_deb.sh PACKAGES_DIR [--old DIR] [--root DIR]}") old= old_bin= kept=
shift
while [ $# -gt 0 ]; do
  case "$1" in
    --old) old=$(realpath "$2"); shift 2 ;;
    --old-bin) old_bin=$(realpath "$2"); shift 2 ;;
    --root) kept=$(realpath "$2"); shift 2 ;;
    *) echo "test_deb: unknown option $1" >&2; exit 2 ;;
  esac
done
skip() { echo "test_deb: skipped: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "not root"
command -v debootstrap >/dev/null || [ -n "$kept" ] || skip "no debootstrap"
command -v lintian >/dev/null || skip "no lintian"

say() { printf '== %s\n' "$*"; }
fail() { echo "test_deb: FAILED: $*" >&2; exit 1; }

say "lintian"
# Errors fail; warnings are printed.
lintian --allow-root --fail-on error "$packages"/*.deb || fail "lintian found errors"

work=$(mktemp -d /var/tmp/sextant-deb-XXXXXX)
root=$work/root
server= clients=
cleanup() {
  for pid in $clients $server; do kill "$pid" 2>/dev/null || true; done
  for mounted in proc dev; do umount "$root/$mounted" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
if [ -n "$kept" ]; then
  say "root: a copy of $kept"
  cp -a "$kept" "$root"
else
  say "root: debootstrap"
  debootstrap --variant=minbase bookworm "$root" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log"; fail "debootstrap"; }
fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# No service manager in a root: packages are told not to start anything.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
if [ -n "$old_bin" ]; then
  old=$work/old
  for package in sextant-server sextant; do
    tree=$work/tree-$package new=$(ls "$packages/$package"_*.deb)
    mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$old"
    case $package in
      sextant) cp "$old_bin/sextant" "$tree/usr/bin/" ;;
      *) cp "$old_bin/sextantd" "$tree/usr/bin/"
         dpkg-deb -e "$new" "$work/control"
         cp "$work/control/postinst" "$work/control/prerm" "$work/control/postrm" "$tree/DEBIAN/" ;;
    esac
    printf 'Package: %s\nVersion: 0.0.1\nArchitecture: amd64\nMaintainer: test <test@localhost>\nDepends: %s\nDescription: old\n' \
      "$package" "$(dpkg-deb -f "$new" Depends)" >"$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$tree" "$old" >/dev/null
  done
fi
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
as_user() { inside runuser -u sextant -- "$@"; }
mkdir "$root/packages"

install_from() {
  rm -f "$root"/packages/*
  cp "$1"/*.deb "$root/packages/"
  inside sh -c 'apt-get install -y --no-install-recommends --allow-downgrades --reinstall /packages/*.deb' \
    >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; fail "apt-get install from $1"; }
}

start() {
  rm -f "$root/var/lib/sextant/port"
  # What systemd would do: the user, the folders, the notification.
  local settings=(--db /var/lib/sextant/sextant.db)
  if [ -e "$root/etc/sextant/sextantd.toml" ]; then settings=(--config /etc/sextant/sextantd.toml); fi
  as_user /usr/bin/sextantd "${settings[@]}" --listen 127.0.0.1:0 --port-file /var/lib/sextant/port \
    >"$work/server.log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    [ -s "$root/var/lib/sextant/port" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log"; fail "sextantd did not start"; }
    sleep 0.1
  done
  address=127.0.0.1:$(cat "$root/var/lib/sextant/port")
}
stop() {
  pkill_pid=$(pgrep -P "$server" -x sextantd || echo "$server")
  kill -TERM "$pkill_pid"
  wait "$server" || true
  server=
}
sextant() { inside sextant --server "$address" "$@"; }

say "install ${old:+of the old packages}"
inside apt-get update >/dev/null
install_from "${old:-$packages}"
[ "$(stat -c '%U %a' "$root/var/lib/sextant")" = "sextant 700" ] || [ -n "$(inside stat -c '%U %a' /var/lib/sextant | grep -x 'sextant 700')" ] ||
  fail "/var/lib/sextant is not the server's alone"
if [ -z "$old" ]; then
  as_user /usr/bin/sextantd --config /etc/sextant/sextantd.toml --check-config || fail "the shipped configuration"
fi
start
say "calls"
sextant studies create deb >/dev/null
printf 'run_id,N,D,lr,loss\n' >"$root/tmp/runs.csv"
for i in $(seq 200); do echo "r$i,1e8,$((i * 1000000)),0.00$((i % 9 + 1)),3.$i" >>"$root/tmp/runs.csv"; done
import() {
  sextant runs import "$1" --study deb --map run_id=run_id --map params_non_embedding=N --map tokens=D \
    --map learning_rate=lr --map loss_nats=loss -o json
}
import /tmp/runs.csv | grep -q '"accepted": *"\?200' || fail "200 runs were not accepted"
sextant predict --params 7B --tokens 1.4T -o json | grep -q learning_rate || fail "no prediction"

say "upgrade while four clients write"
# Each client goes on over the restart and writes down what was acknowledged.
client() {
  for n in $(seq 1000); do
    [ -e "$work/enough" ] && return 0
    file=/tmp/up-$1-$n.csv
    printf 'run_id,N,D,lr,loss\nc%s-%s,1e8,1e9,0.001,3.1\n' "$1" "$n" >"$root$file"
    address=127.0.0.1:$(cat "$root/var/lib/sextant/port" 2>/dev/null || echo 1)
    if import "$file" 2>/dev/null | grep -q '"accepted": *"\?1\|"duplicate": *"\?1'; then
      echo "c$1-$n" >>"$work/acknowledged-$1"
    fi
  done
}
for c in 1 2 3 4; do client "$c" & clients="$clients $!"; done
sleep 4
install_from "$packages"
stop
start
sleep 4
touch "$work/enough"
for pid in $clients; do wait "$pid" || true; done
clients=
cat "$work"/acknowledged-* | sort >"$work/acknowledged"
sextant runs list --study deb -o csv --fields name --limit 100000 2>/dev/null | sed 's|.*/||' | sort >"$work/stored" ||
  sextant runs list --study deb -o csv --fields name | sed 's|.*/||' | sort >"$work/stored"
lost=$(comm -23 "$work/acknowledged" "$work/stored" | wc -l)
twice=$(uniq -d "$work/stored" | wc -l)
say "acknowledged $(wc -l <"$work/acknowledged") runs over the upgrade, lost $lost, twice $twice"
[ "$lost" -eq 0 ] && [ "$twice" -eq 0 ] || fail "the upgrade lost or doubled runs"
[ "$(wc -l <"$work/acknowledged")" -gt 0 ] || fail "no client wrote anything"

say "the rest of the packages"
inside sextantd --version
inside sextant-train --help >/dev/null || fail "sextant-train"
inside python3 -c 'import sextant, sextant.v1; print("python", sextant.__name__)' || fail "import sextant"
inside sh -c 'test -s /usr/share/man/man1/sextant.1.gz && test -s /usr/share/man/man8/sextantd.8.gz' || {
  # minbase roots leave documentation out (path-exclude)
  inside grep -rqs path-exclude /etc/dpkg || fail "man pages"
}
inside sh -c 'test -s /lib/systemd/system/sextantd.service' || fail "the unit"
sextant backup /tmp/backup.db
inside sextant doctor --restore-drill /tmp/backup.db || fail "the backup does not restore"

say "purge"
stop
inside sh -c 'apt-get purge -y sextant-server sextant sextant-trainer python3-sextant' >"$work/apt.log" 2>&1 ||
  { tail -n 20 "$work/apt.log"; fail "purge"; }
for left in /var/lib/sextant /var/log/sextant /etc/sextant /usr/bin/sextantd /lib/systemd/system/sextantd.service; do
  [ ! -e "$root$left" ] || fail "$left is left after purge"
done
! inside getent passwd sextant >/dev/null || fail "the user sextant is left after purge"
say "all passed"
