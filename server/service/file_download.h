// SPDX-License-Identifier: Apache-2.0
// A file that the server makes on request and streams to the client, piece by piece.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/core.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/service/scratch_folder.h"
#include "server/status.h"

namespace sextant::server {

/// Writes a new file at the path it is given, from a database that takes so many bytes.
using FileMaker = std::function<absl::Status(const std::string& path, std::int64_t database_bytes)>;

/// Makes the file in a scratch folder, then sends it in messages with a `data` field, one at a time. Deletes
/// itself.
template <typename Response>
class FileDownload final : public grpc::ServerWriteReactor<Response> {
 public:
  static FileDownload* Begin(Core& core, grpc::CallbackServerContext& context,
                             const google::protobuf::Message& request, FileMaker make) {
    auto* stream = new FileDownload(core);
    absl::Status admitted = core.calls.Admit(context, request);
    if (admitted.ok()) {
      auto ticket = core.downloads.Take(core.calls.access().CallerKey(context));
      admitted = ticket.status();
      if (ticket.ok()) stream->ticket_ = *std::move(ticket);
    }
    if (!admitted.ok()) {
      stream->Finish(ToGrpc(admitted));
      return stream;
    }
    // A copy takes as long as the disk does: it must not stand in the way of calls that only read.
    stream->Work(core.copies, [stream, &context, make = std::move(make)] {
      absl::Status opened = CheckCancelled(context);
      if (opened.ok()) opened = StopExceptions([&] { return stream->Open(make, context.peer()); });
      if (!opened.ok()) return stream->Finish(ToGrpc(opened));
      stream->place_ = stream->core_.calls.idle().Watch(context, stream->core_.stream_patience);
      stream->Send();
    });
    return stream;
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::CANCELLED);  // the client is gone
    place_->Touch();
    Work(core_.executor, [this] { Send(); });
  }
  void OnDone() override { delete this; }

 private:
  static constexpr std::size_t kPieceBytes = 256 << 10;

  explicit FileDownload(Core& core) : core_(core) {}

  void Work(Executor& executor, std::function<void()> work) {
    const absl::Status submitted = executor.Submit(std::move(work));
    if (!submitted.ok()) this->Finish(ToGrpc(submitted));
  }

  absl::Status Open(const FileMaker& make, const std::string& peer) {
    // Nothing is taken out of a database that is larger than all of it.
    auto health = core_.store->GetHealth();
    if (!health.ok()) return Annotate(health.status(), "database", core_.database);
    RETURN_IF_ERROR(folder_.Create(core_, health->file_bytes));
    const std::string path = folder_.File("file.db");
    RETURN_IF_ERROR(make(path, health->file_bytes));
    std::error_code none;
    const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, none));
    ASSIGN_OR_RETURN(scratch_,
                     core_.scratch.Take(peer, std::clamp(bytes, std::int64_t{0}, kMaxScratchBytesPerPeer)));
    file_.open(path, std::ios::binary);
    return file_ ? absl::OkStatus() : absl::InternalError("the file that was made cannot be read back");
  }

  /// The next piece, or the end. On the executor; nothing may follow it.
  void Send() {
    std::string& data = *response_.mutable_data();
    data.resize(kPieceBytes);
    file_.read(data.data(), static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<std::size_t>(file_.gcount()));
    if (file_.bad())
      return this->Finish(ToGrpc(absl::DataLossError("the file that was made cannot be read back")));
    if (data.empty()) return this->Finish(grpc::Status::OK);
    this->StartWrite(&response_);
  }

  Core& core_;
  std::unique_ptr<QuotaTicket> ticket_;
  std::unique_ptr<IdleStreams::Place> place_;
  std::unique_ptr<QuotaTicket> scratch_;
  ScratchFolder folder_;
  std::ifstream file_;
  Response response_;
};

}  // namespace sextant::server
