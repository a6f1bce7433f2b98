# SPDX-License-Identifier: Apache-2.0
# Debian 12 packages, sourced by ./quickstart and ./check. Every one is named: nothing relies on a "Recommends".

# What a build and a run need.
SEXTANT_BUILD_PACKAGES=(
  ca-certificates
  ccache
  cmake
  g++
  git
  grpc-proto               # health and reflection protos
  libabsl-dev
  libboost-dev             # Boost.UUID, Boost.CRC
  libceres-dev
  libcli11-dev
  libcpp-httplib-dev       # HTTP beside gRPC, and the port for monitoring
  libcsv-dev
  libeigen3-dev
  libfmt-dev
  libgoogle-glog-dev
  libgoogle-perftools-dev  # tcmalloc
  libgrpc++-dev
  libpq-dev                # PostgreSQL as a store
  libprotobuf-dev
  libspdlog-dev
  libsqlite3-dev
  libssl-dev
  libtbb-dev
  libtomlplusplus-dev
  libxxhash-dev
  libyaml-cpp-dev
  libzstd-dev
  make
  ninja-build
  pkg-config
  prometheus-cpp-dev
  protobuf-compiler
  protobuf-compiler-grpc
  rapidjson-dev
  zlib1g-dev
)

# What the tests and benchmarks need on top.
SEXTANT_TEST_PACKAGES=(
  clang-format             # the format check
  libbenchmark-dev
  libgmock-dev
  libgtest-dev
  postgresql-15            # the store's suite runs against it
  python3
  python3-grpcio           # the conformance client
  python3-numpy
  python3-protobuf
  python3-setuptools       # builds the Python package
  python3-scipy            # peers of the benchmarks
  python3-wheel
  sqlite3
)

# What fuzz targets need on top (./check --long).
SEXTANT_FUZZ_PACKAGES=(
  clang
  libclang-rt-14-dev
)

# What builds the page, where it is asked for (./quickstart --web).
SEXTANT_WEB_PACKAGES=(npm)
# What the tests of the page need on top.
SEXTANT_BROWSER_PACKAGES=(chromium)

# build_page: the page and reports, from npm, into clients/web/dist, from where the build takes it. Needs npm.
build_page() {
  (cd clients/web && npm ci --no-audit --no-fund && npm run build) >page.log 2>&1 || { tail -n 20 page.log >&2; return 1; }
  rm -f page.log
}

# install_missing PACKAGE...: installs those that are not there; says so; needs root or sudo only then.
install_missing() {
  local missing=() package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "Not root and no sudo. Install them first:  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    }
    as_root=(sudo)
  fi
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update &&
         "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get failed; the whole log is $log" >&2
    return 1
  fi
  rm -f "$log"
}

# show_progress LOG: keeps ninja's output in LOG and says on stderr how far the build is, once in 20 seconds (on a
# terminal once a second, on one line). What is left is estimated from the steps done so far, as if all took as long.
show_progress() {
  local line done_steps total elapsed left said=-100 every=20 end=$'\n'
  if [ -t 2 ]; then
    every=1 end=$'\r'
  fi
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\ ([0-9]+) ]] || continue
    done_steps=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} elapsed=${BASH_REMATCH[3]}
    [ "$total" -gt 2 ] && [ $((elapsed - said)) -ge $every ] && [ "$done_steps" -gt 0 ] || continue
    said=$elapsed left=$((elapsed * (total - done_steps) / done_steps))
    printf 'Building: %d of %d steps, %d:%02d min; about %d:%02d min left  %s' "$done_steps" "$total" \
      $((elapsed / 60)) $((elapsed % 60)) $((left / 60)) $((left % 60)) "$end" >&2
  done
  [ "$said" -ge 0 ] && [ "$end" = $'\r' ] && printf '\n' >&2
  return 0
}

# build_sextant_quietly LOG TARGET...: the same as build_sextant with its output in LOG and its progress on stderr.
build_sextant_quietly() {
  local log=$1
  shift
  : >"$log"
  NINJA_STATUS='[%f/%t %e] ' build_sextant "$@" 2>&1 | show_progress "$log"
}

# build_sextant TARGET...: configures if needed and builds into build/.
build_sextant() {
  if [ ! -f build/build.ninja ]; then
    echo "Configuring build/" >&2
    cmake --preset release >build.log 2>&1 || { cat build.log >&2; return 1; }
    rm -f build.log
  fi
  cmake --build build "$@"
}
