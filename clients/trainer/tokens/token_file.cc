// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/tokens/token_file.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/status_macros.h"
#include "base/whole_file.h"

namespace sextant::trainer {
namespace {

constexpr char kMagic[8] = {'S', 'X', 'T', 'O', 'K', 'E', 'N', '1'};

struct Header {
  char magic[8];
  uint32_t vocab;
  uint32_t reserved;
  uint64_t tokens;
  uint64_t source_bytes;
  uint64_t checksum;
};
static_assert(sizeof(Header) == 40);

// FNV-1a taking a whole token at a time: it is to find damage, not forgery.
uint64_t Checksum(const std::vector<uint16_t>& tokens) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const uint16_t token : tokens) hash = (hash ^ token) * 0x100000001b3ULL;
  return hash;
}

absl::StatusOr<uint64_t> FileSize(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    const bool there = std::filesystem::exists(path, error);
    return absl::NotFoundError(absl::StrCat(path, there ? ": not a plain file" : ": no such file"));
  }
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  return size;
}

}  // namespace

absl::Status WriteTokenFile(const std::string& path, int vocab, uint64_t source_bytes,
                            const std::vector<uint16_t>& tokens) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.vocab = static_cast<uint32_t>(vocab);
  header.tokens = tokens.size();
  header.source_bytes = source_bytes;
  header.checksum = Checksum(tokens);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(tokens[0]));
  return ReplaceFile(path, bytes);
}

absl::StatusOr<TokenSet> ReadTokenFile(const std::string& path) {
  ASSIGN_OR_RETURN(const uint64_t size, FileSize(path));
  std::ifstream in(path, std::ios::binary);
  Header header{};
  in.read(reinterpret_cast<char*>(&header), sizeof(header));
  if (!in || std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a token file; make one with `sextant-train tokens encode`"));
  }
  if (header.tokens > size || size != sizeof(header) + 2 * header.tokens) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": declares ", header.tokens, " tokens but holds ",
                                                   size, " bytes; it was cut short or appended to"));
  }
  if (header.vocab < 1 || header.vocab > 65536 || header.tokens < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": vocabulary ", header.vocab, " and ", header.tokens, " tokens make no sense"));
  }
  TokenSet set;
  set.vocab = static_cast<int>(header.vocab);
  set.tokens.resize(header.tokens);
  set.bytes_per_token = static_cast<double>(header.source_bytes) / static_cast<double>(header.tokens);
  in.read(reinterpret_cast<char*>(set.tokens.data()), static_cast<std::streamsize>(2 * header.tokens));
  if (!in || Checksum(set.tokens) != header.checksum) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": damaged, its checksum does not match"));
  }
  for (size_t i = 0; i < set.tokens.size(); ++i) {
    if (set.tokens[i] >= header.vocab) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": token ", i, " is ", set.tokens[i],
                                                     ", outside the vocabulary of ", header.vocab));
    }
  }
  return set;
}

absl::StatusOr<TokenSet> ReadBytes(const std::string& path, int64_t limit_bytes) {
  ASSIGN_OR_RETURN(const uint64_t size, FileSize(path));
  uint64_t count = size;
  if (limit_bytes > 0) count = std::min<uint64_t>(count, static_cast<uint64_t>(limit_bytes));
  if (count < 1) return absl::InvalidArgumentError(absl::StrCat(path, ": empty"));
  std::ifstream in(path, std::ios::binary);
  std::vector<unsigned char> bytes(count);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (!in) return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  TokenSet set;
  set.vocab = 256;
  set.tokens.assign(bytes.begin(), bytes.end());
  return set;
}

absl::Status HoldOut(int64_t validation_tokens, TokenSet* tokens) {
  if (validation_tokens < 1 || validation_tokens >= static_cast<int64_t>(tokens->tokens.size())) {
    return absl::InvalidArgumentError(absl::StrCat("validation_tokens = ", validation_tokens,
                                                   ": must be 1 to less than the ", tokens->tokens.size(),
                                                   " tokens there are"));
  }
  tokens->validation_tokens = validation_tokens;
  return absl::OkStatus();
}

}  // namespace sextant::trainer
