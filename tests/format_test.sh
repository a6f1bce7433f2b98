#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source file is formatted as .clang-format says.
cd "$(dirname "$0")/.." || exit 1
command -v clang-format >/dev/null || { echo "clang-format is not installed; ./check installs it"; exit 77; }
mapfile -t files < <(git ls-files '*.cc' '*.h' 2>/dev/null)
[ ${#files[@]} -gt 0 ] || { echo "not a git checkout: nothing to check"; exit 77; }
clang-format --dry-run --Werror "${files[@]}"
