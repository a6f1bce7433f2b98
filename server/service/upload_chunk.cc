// SPDX-License-Identifier: Apache-2.0
#include "server/service/upload_chunk.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "base/sha256.h"
#include "base/status_macros.h"
#include "server/convert/run.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/secret.h"

namespace sextant::server {
namespace {

constexpr char kConflict[] = "a run with this id and other content is in the study already; it was kept";

void AddReject(PreparedChunk& chunk, const std::string& source, const std::string& fallback,
               const std::string& reason) {
  ++chunk.rejected;
  if (static_cast<int>(chunk.rejects.size()) >= kMaxRejectsPerChunk) return;
  const SourceLine where = SplitSource(source);
  v1::Reject reject;
  reject.set_source(where.source.empty() ? fallback : where.source);
  reject.set_line(where.line);
  reject.set_reason(reason);
  chunk.rejects.push_back(std::move(reject));
}

// Calls each(run) for the runs of a serialized RunBatch until one answers false. One message serves them all,
// so that its arrays are used again while they are in the cache: parsed whole, a batch is megabytes of fresh
// memory. False when the bytes are no RunBatch.
template <typename Each>
bool ForEachSerializedRun(const std::string& bytes, Each each) {
  using google::protobuf::internal::WireFormatLite;
  constexpr std::uint32_t kRunTag =
      WireFormatLite::MakeTag(v1::RunBatch::kRunsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  v1::Run run;
  while (const std::uint32_t tag = in.ReadTag()) {
    if (tag != kRunTag) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    int length = 0;
    if (!in.ReadVarintSizeAsInt(&length)) return false;
    const char* begin = bytes.data() + in.CurrentPosition();
    if (!in.Skip(length) || !run.ParseFromArray(begin, length)) return false;
    if (!each(run)) return true;
  }
  return in.ConsumedEntireMessage();
}

absl::Status ForEachRun(v1::UploadChunk& chunk, const std::function<bool(v1::Run&)>& each) {
  switch (chunk.content_case()) {
    case v1::UploadChunk::kBatch:
      for (v1::Run& run : *chunk.mutable_batch()->mutable_runs()) {
        if (!each(run)) break;
      }
      return absl::OkStatus();
    case v1::UploadChunk::kEncodedBatch:
      if (!EqualInConstantTime(Sha256Of(chunk.encoded_batch()), chunk.sha256())) {
        return WithReason(
            InvalidField("chunk.sha256", "is not the SHA-256 of encoded_batch: send the chunk again"),
            "WRONG_DIGEST", {{"index", absl::StrCat(chunk.index())}});
      }
      if (ForEachSerializedRun(chunk.encoded_batch(), each)) return absl::OkStatus();
      return InvalidField("chunk.encoded_batch",
                          "not a serialized RunBatch: cut short or damaged before its digest was "
                          "taken; serialize it again");
    case v1::UploadChunk::CONTENT_NOT_SET:
      // A client that learns late that nothing follows may say so with an empty chunk.
      if (chunk.last()) return absl::OkStatus();
      return InvalidField("chunk", "holds neither batch nor encoded_batch");
  }
  return absl::InternalError("unknown content");
}

bool IsPart(const storage::EncodedRun& run) { return run.curve_length > 0; }

void Count(PreparedChunk& chunk, const storage::EncodedRun& given, storage::PutOutcome outcome,
           storage::Upload& upload, RefusedRuns& refused) {
  const bool continues = given.curve_begin > 0 && !IsPart(given);
  if (outcome == storage::PutOutcome::kConflict) {
    if (IsPart(given)) refused.insert(given.run.id);
    return AddReject(chunk, given.run.source, given.run.id,
                     continues
                         ? absl::StrCat("points from ", given.curve_begin,
                                        " on do not continue what the study holds of run ", given.run.id)
                         : kConflict);
  }
  if (continues) return;  // its run has been counted
  const std::int64_t end = given.curve_begin + static_cast<std::int64_t>(given.curve.points());
  if (IsPart(given) && end < given.curve_length) return;  // its run will be
  ++(outcome == storage::PutOutcome::kAccepted ? upload.accepted : upload.duplicate);
}

// Parts of curves go one by one: when one is refused, those behind it are not to be stored.
absl::Status PutAll(storage::Transaction& transaction, const std::string& study_id, PreparedChunk& chunk,
                    storage::Upload& upload, RefusedRuns& refused) {
  const std::span<const storage::EncodedRun> runs = chunk.runs;
  const bool parts = std::any_of(runs.begin(), runs.end(), &IsPart);
  const std::size_t size = parts ? 1 : runs.size();
  for (std::size_t at = 0; at < runs.size(); at += size) {
    if (parts && IsPart(runs[at]) && runs[at].curve_begin > 0 && refused.contains(runs[at].run.id)) continue;
    ASSIGN_OR_RETURN(auto outcomes, transaction.PutEncodedRuns(study_id, runs.subspan(at, size)));
    for (std::size_t i = 0; i < size; ++i) Count(chunk, runs[at + i], outcomes[i], upload, refused);
  }
  return absl::OkStatus();
}

}  // namespace

std::string StoredUploadId(const storage::Study& study, const std::string& upload_id) {
  return absl::StrCat(study.id, "/", study.uid, "/", upload_id);
}

absl::StatusOr<storage::Upload> FindUpload(storage::Snapshot& snapshot, const storage::Study& study,
                                           const std::string& upload_id) {
  return snapshot.GetUpload(StoredUploadId(study, upload_id));
}

absl::StatusOr<PreparedChunk> PrepareChunk(v1::UploadChunk& chunk, const storage::Study& study) {
  PreparedChunk prepared;
  prepared.index = chunk.index();
  prepared.last = chunk.last();
  int count = 0;
  RETURN_IF_ERROR(ForEachRun(chunk, [&](v1::Run& message) {
    if (++count > kMaxRunsPerChunk) return false;
    auto run = RunFromProto(message, study);
    if (run.ok()) {
      run->run.create_time = run->run.update_time = Now();
      prepared.runs.push_back(*std::move(run));
    } else {
      AddReject(prepared, message.source(), absl::StrCat("chunk ", chunk.index(), ", run ", count),
                std::string(run.status().message()));
    }
    return true;
  }));
  if (count > kMaxRunsPerChunk) {
    return InvalidField(
        "chunk.batch", absl::StrCat("more than ", kMaxRunsPerChunk, " runs, which are what fits in a chunk"));
  }
  return prepared;
}

absl::Status CommitChunk(storage::Transaction& transaction, const storage::Study& study, bool resumable,
                         PreparedChunk& chunk, storage::Upload& upload, RefusedRuns& refused) {
  RETURN_IF_ERROR(CheckSameStudy(transaction, study.id, study.uid));
  if (resumable) {
    auto stored = transaction.GetUpload(upload.id);
    if (stored.ok() && stored->next_chunk > chunk.index) {
      upload = *std::move(stored);
      chunk.rejects.clear();
      return absl::OkStatus();
    }
  }
  RETURN_IF_ERROR(PutAll(transaction, study.id, chunk, upload, refused));
  upload.rejected += chunk.rejected;
  upload.next_chunk = chunk.index + 1;
  upload.complete = chunk.last;
  upload.update_time = Now();
  if (upload.create_time == 0) upload.create_time = upload.update_time;
  return resumable ? transaction.PutUpload(upload) : absl::OkStatus();
}

}  // namespace sextant::server
