// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>

#include <fstream>

#include "clients/trainer/tokens/bpe.h"

namespace sextant::trainer {

absl::Status WriteBpe(const std::string& path, const Bpe& bpe) {
  std::ofstream out(path, std::ios::trunc);
  out << "sextant-bpe 1\n";
  for (const auto& [left, right] : bpe.merges) out << left << ' ' << right << '\n';
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

absl::StatusOr<Bpe> ReadBpe(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::string line;
  if (!std::getline(in, line) || line != "sextant-bpe 1") {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a tokenizer of `sextant-train tokens train-bpe`"));
  }
  Bpe bpe;
  int64_t left = 0;
  int64_t right = 0;
  while (in >> left >> right) {
    // A merge may only name tokens that come before it.
    if (left < 0 || right < 0 || left >= bpe.vocab() || right >= bpe.vocab() || bpe.vocab() >= 65536) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": merge ", bpe.merges.size() + 1, " (", left, " ",
                                                     right, ") names unknown tokens"));
    }
    bpe.merges.emplace_back(static_cast<uint16_t>(left), static_cast<uint16_t>(right));
  }
  if (!in.eof())
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": merge ", bpe.merges.size() + 1, " is no pair of numbers"));
  return bpe;
}

}  // namespace sextant::trainer
