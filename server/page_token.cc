// SPDX-License-Identifier: Apache-2.0
#include "server/page_token.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/sha256.h"
#include "server/error.h"

namespace sextant::server {
namespace {

constexpr std::size_t kBindingBytes = 8;
constexpr std::size_t kMaxTokenBytes = 4096;

std::string Binding(const std::vector<std::string>& arguments) {
  std::string all;
  for (const std::string& argument : arguments) absl::StrAppend(&all, argument.size(), ":", argument);
  return Sha256Of(all).substr(0, kBindingBytes);
}

}  // namespace

std::string MakePageToken(const std::vector<std::string>& arguments, const std::string& key) {
  if (key.empty()) return "";
  return absl::WebSafeBase64Escape(Binding(arguments) + key);
}

absl::StatusOr<std::string> ReadPageToken(const std::vector<std::string>& arguments,
                                          const std::string& token) {
  if (token.empty()) return std::string();
  std::string bytes;
  if (token.size() > kMaxTokenBytes || !absl::WebSafeBase64Unescape(token, &bytes) ||
      bytes.size() <= kBindingBytes) {
    return InvalidField("page_token",
                        "not a token of this server: use next_page_token as it came, or leave it empty");
  }
  if (bytes.compare(0, kBindingBytes, Binding(arguments)) != 0) {
    return InvalidField("page_token",
                        "belongs to a request with other arguments: repeat them, or start again without");
  }
  return bytes.substr(kBindingBytes);
}

absl::StatusOr<int> PageSize(int asked, int standard, int most) {
  if (asked < 0) return InvalidField("page_size", "negative");
  return asked == 0 ? standard : std::min(asked, most);
}

}  // namespace sextant::server
