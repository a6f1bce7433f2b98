#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages in a fresh Debian 12 root: lintian, install, start, calls, upgrade while clients write, purge. Where
# systemd-nspawn works the root is booted, and systemd does with the unit what it does on a machine: start it, keep
# its limits, restart it, pass it a socket. Elsewhere the unit's ExecStart is started in a chroot.
# Needs root, debootstrap and lintian; says so and ends with 77 without them.
# usage: packaging/test_deb.sh PACKAGES_DIR [--old OLD_PACKAGES_DIR | --old-bin DIR] [--root KEPT_ROOT] [--chroot]
#   --old     packages of an earlier version, to upgrade from; without it the same packages are installed again
#   --old-bin sextant and sextantd of an earlier version that had no packages: some are made of them
#   --root    a debootstrap root to copy instead of making one
#   --chroot  do not boot
set -euo pipefail
usage="usage: test_deb.sh PACKAGES_DIR [--old DIR | --old-bin DIR] [--root DIR] [--chroot]"
packages=$(realpath "${1:?$usage}") old= old_bin= kept= boots=yes
shift
while [ $# -gt 0 ]; do
  case "$1" in
    --old) old=$(realpath "$2"); shift 2 ;;
    --old-bin) old_bin=$(realpath "$2"); shift 2 ;;
    --root) kept=$(realpath "$2"); shift 2 ;;
    --chroot) boots=; shift ;;
    *) echo "test_deb: unknown option $1" >&2; exit 2 ;;
  esac
done
skip() { echo "test_deb: skipped: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "not root"
command -v debootstrap >/dev/null || [ -n "$kept" ] || skip "no debootstrap"
command -v lintian >/dev/null || skip "no lintian"
command -v systemd-nspawn >/dev/null || boots=
. "$(dirname "$0")/test_root.sh"

say "lintian"
# Errors fail; warnings are printed.
lintian --allow-root --fail-on error "$packages"/*.deb || fail "lintian found errors"

make_root
[ -z "$old_bin" ] || old=$(package_old "$packages" "$old_bin")
fetch_for "$packages"
start_root
say "${boots:+booted: }$(inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"')${boots:+, $(inside systemctl --version | head -n 1)}"

import() {
  sextant runs import "$1" --study deb --map run_id=run_id --map params_non_embedding=N --map tokens=D \
    --map learning_rate=lr --map loss_nats=loss -o json
}

say "install${old:+ of the old packages}"
install_from "${old:-$packages}"
[ "$(inside stat -c '%U %a' /var/lib/sextant)" = "sextant 700" ] || fail "/var/lib/sextant is not the server's alone"
service_is_up
say "calls"
sextant studies create deb >/dev/null
printf 'run_id,N,D,lr,loss\n' >"$root/root/runs.csv"
for i in $(seq 200); do echo "r$i,1e8,$((i * 1000000)),0.00$((i % 9 + 1)),3.$i" >>"$root/root/runs.csv"; done
import /root/runs.csv | grep -q '"accepted": *"\?200' || fail "200 runs were not accepted"
sextant predict --params 7B --tokens 1.4T -o json | grep -q learning_rate || fail "no prediction"

say "upgrade while four clients write"
[ ! -e "$root/etc/sextant/sextantd.toml" ] || echo "# a line of the operator's" >>"$root/etc/sextant/sextantd.toml"
# Each client goes on over the restart and writes down what was acknowledged.
client() {
  for n in $(seq 100000); do
    [ -e "$work/enough" ] && return 0
    file=/root/up-$1-$n.csv
    printf 'run_id,N,D,lr,loss\nc%s-%s,1e8,1e9,0.001,3.1\n' "$1" "$n" >"$root$file"
    if import "$file" 2>>"$work/client-errors" | grep -q '"accepted": *"\?1\|"duplicate": *"\?1'; then
      echo "c$1-$n" >>"$work/acknowledged-$1"
    else
      echo "c$1-$n" >>"$work/unanswered"
    fi
  done
}
for c in 1 2 3 4; do client "$c" & clients="$clients $!"; done
sleep 4
first=$(service_pid)
install_from "$packages"
service_was_replaced "$first"
sleep 4
touch "$work/enough"
for pid in $clients; do wait "$pid" || true; done
clients=
service_is_up
cat "$work"/acknowledged-* | sort >"$work/acknowledged"
sextant runs list --study deb -o csv --fields name --limit 100000 | sed 's|.*/||' | sort >"$work/stored"
lost=$(comm -23 "$work/acknowledged" "$work/stored" | wc -l)
twice=$(uniq -d "$work/stored" | wc -l)
say "acknowledged $(wc -l <"$work/acknowledged") runs over the upgrade, $(cat "$work/unanswered" 2>/dev/null | wc -l)" \
  "without an answer, lost $lost, twice $twice"
[ "$lost" -eq 0 ] && [ "$twice" -eq 0 ] || fail "the upgrade lost or doubled runs"
[ "$(wc -l <"$work/acknowledged")" -gt 0 ] || fail "no client wrote anything"
[ -n "$old_bin" ] || inside grep -q "a line of the operator's" /etc/sextant/sextantd.toml || fail "the configuration was replaced"

say "the rest of the packages"
as_user /usr/bin/sextantd --config /etc/sextant/sextantd.toml --check-config || fail "the shipped configuration"
inside sextantd --version
inside sextant-train --help >/dev/null || fail "sextant-train"
inside python3 -c 'import sextant, sextant.v1; print("python", sextant.__name__)' || fail "import sextant"
inside sh -c 'test -s /usr/share/man/man1/sextant.1.gz && test -s /usr/share/man/man8/sextantd.8.gz' || {
  # minbase roots leave documentation out (path-exclude)
  inside grep -rqs path-exclude /etc/dpkg || fail "man pages"
}
sextant backup /root/backup.db
inside sextant doctor --restore-drill /root/backup.db || fail "the backup does not restore"
check_the_unit

say "remove keeps the data, purge leaves nothing"
inside apt-get remove -y sextant-server >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; fail "remove"; }
service_is_gone
inside test -s /var/lib/sextant/sextant.db || fail "remove took the database"
inside apt-get purge -y sextant-server sextant sextant-trainer python3-sextant >"$work/apt.log" 2>&1 ||
  { tail -n 20 "$work/apt.log"; fail "purge"; }
inside find / -xdev \( -path /proc -o -path /packages -o -path /root -o -path /tmp \) -prune -o -name '*sextant*' -print >"$work/left"
[ ! -s "$work/left" ] || { cat "$work/left"; fail "left after purge"; }
! inside grep -s sextant /etc/passwd /etc/group /etc/shadow /etc/gshadow || fail "the user sextant is left after purge"
say "all passed"
