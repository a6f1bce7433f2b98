// SPDX-License-Identifier: Apache-2.0
#include "server/status.h"

#include <absl/strings/cord.h>
#include <absl/strings/match.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "fitting/refusal.h"
#include "google/rpc/error_details.pb.h"
#include "server/limits.h"
#include "storage/fault.h"

namespace sextant::server {
namespace {

std::string Capped(std::string text) {
  if (text.size() <= kMaxStatusMessageBytes) return text;
  std::size_t end = kMaxStatusMessageBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(Capped(std::string(status.message())));

  std::vector<std::pair<std::string, std::string>> payloads;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (url == storage::kFaultPayload || url == fitting::kRefusalPayload) return;  // its reason says it
    payloads.emplace_back(std::string(url), std::string(payload));
  });
  // ErrorInfo is what programs act on: it gets its room first. The order is then the same at every call.
  std::sort(payloads.begin(), payloads.end(), [](const auto& a, const auto& b) {
    const bool a_info = absl::EndsWith(a.first, "ErrorInfo"), b_info = absl::EndsWith(b.first, "ErrorInfo");
    return a_info != b_info ? a_info : a.first < b.first;
  });
  std::size_t bytes = details.ByteSizeLong();
  for (auto& [url, payload] : payloads) {
    bytes += url.size() + payload.size() + 8;
    if (bytes > kMaxStatusDetailsBytes) break;
    auto* any = details.add_details();
    any->set_type_url(url);
    any->set_value(std::move(payload));
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace sextant::server
