#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The relocatable tarball in the root of another Debian, where none of its libraries are installed.
# usage: packaging/test_tarball.sh TARBALL ROOT     (ROOT: a debootstrap root, for example of trixie; needs root for chroot)
set -euo pipefail
tarball=$(realpath "${1:?usage: test_tarball.sh TARBALL ROOT}") root=$(realpath "${2:?}")
[ "$(id -u)" -eq 0 ] || { echo "test_tarball: skipped: not root"; exit 77; }
fail() { echo "test_tarball: FAILED: $*" >&2; exit 1; }
place=$(mktemp -d "$root/tmp/sextant-tarball-XXXXXX")
server= mounted=
# The loader asks /proc where a program lies, and so where its libraries are.
mountpoint -q "$root/proc" || { mount -t proc proc "$root/proc" && mounted=yes; }
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$mounted" ] || umount "$root/proc" || true
  rm -rf "$place"
}
trap cleanup EXIT
tar -C "$place" -xzf "$tarball"
here=${place#"$root"}/$(ls "$place")
inside() { chroot "$root" env -i PATH=/usr/bin:/bin HOME=/tmp "$@"; }
inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"'
! inside sh -c 'ls /usr/lib/*/libgrpc++.so* /usr/lib/*/libprotobuf.so*' >/dev/null 2>&1 || fail "the root has the libraries: nothing is tried"
inside "$here/bin/sextantd" --version || fail "sextantd"
[ ! -e "$place/$(basename "$here")/bin/sextant-train" ] || inside "$here/bin/sextant-train" --help >/dev/null || fail "sextant-train"
(exec chroot "$root" env -i PATH=/usr/bin:/bin HOME=/tmp "$here/bin/sextantd" --listen 127.0.0.1:0 --db "${place#"$root"}/t.db" --port-file "${place#"$root"}/port") &
server=$!
for _ in $(seq 100); do [ -s "$place/port" ] && break; sleep 0.1; done
[ -s "$place/port" ] || fail "no port"
address=127.0.0.1:$(cat "$place/port")
inside "$here/bin/sextant" --server "$address" studies create t >/dev/null || fail "a call"
inside "$here/bin/sextant" --server "$address" predict --params 7B --tokens 1.4T -o csv | head -n 2
inside "$here/bin/sextant" --server "$address" doctor || fail "doctor"
kill -TERM "$server"
wait "$server" || fail "the stop"
server=
echo "test_tarball: passed"
