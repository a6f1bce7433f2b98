// SPDX-License-Identifier: Apache-2.0
#include "server/mutation.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "base/sha256.h"
#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/log.h"
#include "server/status.h"
#include "storage/fault.h"

namespace sextant::server {
namespace {

// Deterministic: maps are written in the order of their keys.
std::string DigestOf(const google::protobuf::Message& message) {
  std::string bytes = message.GetDescriptor()->full_name() + ":";
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return Sha256Hex(bytes);
}

// A store that cannot write concerns whoever runs the server, not only the clients who are told. Once in a
// while is enough.
void LogFault(const absl::Status& status) {
  const bool is_fault = absl::IsResourceExhausted(status) || absl::IsDataLoss(status) ||
                        !storage::FaultOf(status).empty() || absl::IsInternal(status);
  if (!is_fault || !ReasonOf(status).empty()) return;
  using Clock = std::chrono::steady_clock;
  static std::atomic<Clock::rep> next{Clock::duration::min().count()};
  const Clock::rep now = Clock::now().time_since_epoch().count();
  Clock::rep due = next.load();
  if (now < due ||
      !next.compare_exchange_strong(due, now + Clock::duration(std::chrono::seconds(10)).count())) {
    return;
  }
  Log().info("a write failed: {}", std::string(status.message()));
}

}  // namespace

void Commit(storage::Writer& writer, const std::string& type, const std::string& name,
            storage::Writer::Work work, Finish finish) {
  // Submit takes the completion even when it refuses, so what must outlive a refusal is shared.
  auto shared = std::make_shared<Finish>(std::move(finish));
  const absl::Status submitted = writer.Submit(
      [work = std::move(work)](storage::Transaction& transaction) {
        return StopExceptions([&] { return work(transaction); });
      },
      [shared, type, name](absl::Status status) {
        LogFault(status);
        (*shared)(Annotate(std::move(status), type, name));
      });
  if (submitted.ok()) return;
  const std::string message(submitted.message());
  (*shared)(absl::IsResourceExhausted(submitted) ? QuotaExceeded("QUEUE_FULL", "writes", message, 1)
                                                 : TryLater("DRAINING", message, 5));
}

absl::Status OncePerRequest(storage::Transaction& transaction, const std::string& request_id,
                            const google::protobuf::Message& request, google::protobuf::Message& response,
                            const storage::Writer::Work& work) {
  if (request_id.empty()) return work(transaction);
  const std::string digest = DigestOf(request);
  auto known = transaction.GetRequest(request_id);
  if (known.ok()) {
    if (known->body_digest != digest) {
      return WithReason(InvalidField("request_id", "was used for another request; choose a new one"),
                        "REQUEST_ID_REUSED");
    }
    if (!response.ParseFromString(known->response)) {
      return absl::DataLossError(absl::StrCat("the answer kept for request id ", request_id, " is damaged"));
    }
    return absl::OkStatus();
  }
  if (!absl::IsNotFound(known.status())) return known.status();
  return transaction.Nested([&](storage::Transaction& nested) {
    RETURN_IF_ERROR(work(nested));
    return nested.PutRequest(request_id, digest, response.SerializeAsString());
  });
}

absl::Status CheckSameStudy(storage::Snapshot& snapshot, const std::string& study, std::int64_t uid) {
  ASSIGN_OR_RETURN(const auto stored, snapshot.GetStudy(study));
  if (stored.uid == uid) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("study '", study, "' was deleted meanwhile; another has its id now, and is left alone"));
}

absl::Status CheckRequestId(const std::string& request_id) {
  const bool printable =
      std::all_of(request_id.begin(), request_id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (request_id.size() <= kMaxRequestIdBytes && printable) return absl::OkStatus();
  return InvalidField("request_id", absl::StrCat("use at most ", kMaxRequestIdBytes,
                                                 " printable characters, such as a UUID"));
}

}  // namespace sextant::server
