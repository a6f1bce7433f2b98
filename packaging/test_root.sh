# SPDX-License-Identifier: Apache-2.0
# For test_deb.sh: a Debian root to install packages in, booted or not, and the service in it. Sourced; uses its
# variables packages, kept, boots.
work=$(mktemp -d /var/tmp/sextant-deb-XXXXXX)
root=$work/root
server= clients= machine= leader=
say() { printf '== %s\n' "$*"; }
fail() {
  echo "test_deb: FAILED: $*" >&2
  [ -z "$leader" ] || inside journalctl -u sextantd -n 30 --no-pager >&2 || true
  exit 1
}
cleanup() {
  for pid in $clients $server $machine; do kill "$pid" 2>/dev/null || true; done
  [ -z "$machine" ] || wait "$machine" 2>/dev/null || true
  for mounted in proc dev; do umount "$root/$mounted" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

clean() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
in_chroot() { clean chroot "$root" "$@"; }
inside() {
  if [ -n "$leader" ]; then
    clean nsenter --target "$leader" --mount --uts --ipc --net --pid --root --wd -- "$@"
  else
    in_chroot "$@"
  fi
}
as_user() { inside runuser -u sextant -- "$@"; }
sextant() { inside sextant --server "$address" "$@"; }

# A fresh root, with what the packages are tried with.
make_root() {
  if [ -n "$kept" ]; then
    say "root: a copy of $kept"
    cp -a "$kept" "$root"
  else
    say "root: debootstrap"
    debootstrap --variant=minbase bookworm "$root" >"$work/debootstrap.log" 2>&1 ||
      { tail -n 5 "$work/debootstrap.log"; fail "debootstrap"; }
  fi
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  mkdir "$root/packages"
  # What is fetched before the root loses its network.
  rm -f "$root/etc/apt/apt.conf.d/docker-clean"
  in_chroot apt-get update >/dev/null
  in_chroot apt-get install -y --no-install-recommends systemd systemd-sysv >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log"; fail "apt-get install systemd"; }
}

# package_old PACKAGES BIN: packages made of the programs of a version that had none. Prints their folder.
package_old() {
  local folder=$work/old package tree new
  for package in sextant-server sextant; do
    tree=$work/tree-$package new=$(package_file "$1" "$package")
    mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$folder"
    if [ "$package" = sextant ]; then
      cp "$2/sextant" "$tree/usr/bin/"
    else
      # The unit and the configuration of today, without settings that it does not know.
      dpkg-deb -x "$new" "$tree"
      rm -rf "$tree/usr/share"
      cp "$2/sextantd" "$tree/usr/bin/"
      dpkg-deb -e "$new" "$work/control"
      cp "$work/control/"{postinst,prerm,postrm,conffiles} "$tree/DEBIAN/"
      sed -i 's|^ExecStart=.*|ExecStart=/usr/bin/sextantd --db /var/lib/sextant/sextant.db|; s/^Type=notify/Type=simple/; /^WatchdogSec/d' \
        "$tree/lib/systemd/system/sextantd.service"
    fi
    printf 'Package: %s\nVersion: 0.0.1\nArchitecture: amd64\nMaintainer: test <test@localhost>\nDepends: %s\nDescription: old\n' \
      "$package" "$(dpkg-deb -f "$new" Depends)" >"$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$tree" "$folder" >/dev/null
  done
  echo "$folder"
}

# package_file FOLDER PACKAGE: the file that holds a package.
package_file() {
  local file
  for file in "$1"/*.deb; do
    if [ "$(dpkg-deb -f "$file" Package)" = "$2" ]; then echo "$file"; return; fi
  done
  return 1
}

# What the packages depend on, so that they install without a network.
fetch_for() {
  cp "$1"/*.deb "$root/packages/"
  in_chroot sh -c 'apt-get install -y --download-only --no-install-recommends /packages/*.deb' >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log"; fail "the packages' dependencies"; }
}

start_root() {
  if [ -z "$boots" ]; then
    # No service manager in a chroot: packages are told not to start anything.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    return
  fi
  umount "$root/proc" "$root/dev"
  unshare -m sh -c 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd &&
    exec systemd-nspawn -q -D "$1" --private-network --register=no --keep-unit --console=pipe -b' - "$root" \
    >"$work/boot.log" 2>&1 </dev/null &
  machine=$!
  for _ in $(seq 300); do
    leader=$(pgrep -P "$machine" -x systemd || true)
    if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qx 'running\|degraded'; then return; fi
    kill -0 "$machine" 2>/dev/null || break
    sleep 0.2
  done
  cat "$work/boot.log"
  fail "the root does not boot (--chroot does without)"
}

install_from() {
  rm -f "$root"/packages/*
  cp "$1"/*.deb "$root/packages/"
  # As an operator installs them, but for the questions.
  inside sh -c 'cd /packages && apt-get install -y --no-install-recommends --allow-downgrades --reinstall \
    -o Dpkg::Options::=--force-confold ./*.deb' >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log"; fail "apt-get install from $1"; }
  [ -n "$boots" ] || restart_by_hand
}

# What systemd would do: the user, the limits, the notification.
restart_by_hand() {
  local unit=$root/lib/systemd/system/sextantd.service run log=$work/server.log
  if [ -n "$server" ]; then
    kill -TERM "$(service_pid)"
    wait "$server" || fail "the stop: code $?"
  fi
  run=$(sed -n 's/^ExecStart=//p' "$unit")
  : >"$log"
  # shellcheck disable=SC2086
  as_user sh -c 'umask 0077; exec "$@"' - $run >"$log" 2>&1 &
  server=$!
}

service_pid() {
  if [ -n "$boots" ]; then
    inside systemctl show -P MainPID sextantd
    return
  fi
  local pid
  for pid in $(pgrep -x sextantd); do
    [ "$(readlink "/proc/$pid/root")" != "$root" ] || echo "$pid"
  done
}

service_is_up() {
  address=127.0.0.1:7433
  for _ in $(seq 300); do
    if sextant studies list >/dev/null 2>&1; then return; fi
    [ -n "$boots" ] || kill -0 "$server" 2>/dev/null || { cat "$work/server.log"; fail "sextantd did not start"; }
    sleep 0.1
  done
  [ -n "$boots" ] || cat "$work/server.log"
  fail "the service takes no calls"
}

service_was_replaced() {
  service_is_up
  [ "$(service_pid)" != "$1" ] || fail "the upgrade left the old server running"
}

service_is_gone() {
  if [ -n "$boots" ]; then
    ! inside systemctl is-active --quiet sextantd || fail "remove left the service running"
  else
    kill -TERM "$(service_pid)"
    wait "$server" || fail "the stop: code $?"
    server=
  fi
}

# The unit on its own, and what systemd makes of it.
check_the_unit() {
  say "the unit"
  inside systemd-analyze verify --man=no sextantd.service sextantd.socket || fail "systemd-analyze verify"
  inside systemd-analyze security --offline=yes --threshold=30 --no-pager sextantd.service | tail -n 1 ||
    fail "systemd-analyze security"
  [ -n "$boots" ] || return 0
  local before
  inside systemctl show -P StatusText sextantd | grep -q "listening on" || fail "systemd was not told of the start"
  inside systemctl reload sextantd || fail "reload"
  # A server that hangs is killed by the watchdog, and started again.
  inside mkdir -p /run/systemd/system/sextantd.service.d
  inside sh -c 'printf "[Service]\nWatchdogSec=2\nTimeoutStopSec=2\nRestartSec=100ms\n" >/run/systemd/system/sextantd.service.d/test.conf'
  inside systemctl daemon-reload
  inside systemctl restart sextantd
  before=$(service_pid)
  inside sh -c "kill -STOP $before"
  sleep 8
  service_was_replaced "$before"
  say "the watchdog replaced a server that hung: $(inside systemctl show -P NRestarts sextantd) restart"
  # With its socket in systemd's hands, nobody is refused while it is replaced.
  inside sed -i 's/^listen = .*/listen = ["systemd"]/' /etc/sextant/sextantd.toml
  inside systemctl stop sextantd
  inside systemctl enable -q --now sextantd.socket
  service_is_up
  local refused=0 calls=0
  (for _ in 1 2 3; do sleep 1; inside systemctl restart sextantd; done) &
  local restarts=$!
  while kill -0 "$restarts" 2>/dev/null; do
    calls=$((calls + 1))
    sextant studies list >/dev/null 2>&1 || refused=$((refused + 1))
  done
  say "three restarts behind systemd's socket: $calls calls, $refused failed"
  [ "$refused" -eq 0 ] && [ "$calls" -gt 3 ] || fail "restarts behind the socket fail calls"
}
