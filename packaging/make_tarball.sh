#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A folder that runs where it is unpacked, without root: the programs with their libraries beside them. The C library
# stays the machine's: Debian 12's (2.36) or a newer one.
# usage: packaging/make_tarball.sh BUILD_DIR OUT.tar.gz
set -euo pipefail
[ $# -eq 2 ] || { sed -n '3,6p' "$0" >&2; exit 2; }
build=$(realpath "$1") out=$(realpath -m "$2")
command -v patchelf >/dev/null || { echo "make_tarball: needs patchelf (apt-get install patchelf)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$("$build/bin/sextantd" --version | awk '{print $2}')
top=$work/sextant-$version-linux-$(uname -m)
mkdir -p "$top/bin" "$top/lib" "$top/share/doc" "$top/share/man"

# Parts of the C library, which goes with the kernel's loader and must be one piece.
of_libc='^(ld-linux.*|libc|libm|libpthread|libdl|librt|libresolv|libutil|libnss_.*|libmvec|libanl)\.so'
for program in sextant sextantd sextant-train; do
  [ -x "$build/bin/$program" ] || continue
  install -m 0755 -s "$build/bin/$program" "$top/bin/$program"
  while read -r library; do
    name=$(basename "$library")
    [[ $name =~ $of_libc ]] && continue
    [ -e "$top/lib/$name" ] && continue
    install -m 0644 "$(realpath "$library")" "$top/lib/$name"
    # Its licence: the copyright file of the package that it came from.
    package=$(dpkg-query -S "$(realpath "$library")" 2>/dev/null | head -n 1 | cut -d: -f1 || true)
    if [ -n "$package" ] && [ -e "/usr/share/doc/$package/copyright" ]; then
      install -D -m 0644 "/usr/share/doc/$package/copyright" "$top/share/doc/$package/copyright"
    fi
  done < <(ldd "$build/bin/$program" | awk '$2 == "=>" && $3 ~ /^\// {print $3}')
  patchelf --set-rpath '$ORIGIN/../lib' "$top/bin/$program"
done
for library in "$top"/lib/*; do patchelf --set-rpath '$ORIGIN' "$library"; done
[ ! -e "$(dirname "$0")/sextantd.toml" ] || install -m 0644 "$(dirname "$0")/sextantd.toml" "$top/share/sextantd.toml.example"
install -m 0644 "$(dirname "$0")/../LICENSE" "$top/share/doc/LICENSE"
[ -d "$build/packaging/man" ] && cp -r "$build/packaging/man/." "$top/share/man/"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -czf "$out" "$(basename "$top")"
echo "$out: $(find "$top/lib" -type f | wc -l) libraries, $(du -sm "$top" | cut -f1) MB unpacked"
