// SPDX-License-Identifier: Apache-2.0
#include "server/http/connect_call.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

namespace sextant::server::http {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{500};

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Writes and reads go on side by side: a method that answers every message must be read while it is written
// to.
class OneCall {
 public:
  OneCall(const std::shared_ptr<grpc::Channel>& channel, const CallRequest& request, const MessageSink& sink)
      : stub_(channel), request_(request), sink_(sink) {
    for (const auto& [name, value] : request.metadata) context_.AddMetadata(name, value);
    if (request.timeout) context_.set_deadline(std::chrono::system_clock::now() + *request.timeout);
    call_ = stub_.PrepareCall(&context_, request.method, &queue_);
  }

  grpc::Status Run(const std::function<bool()>& is_wanted) {
    Begin(Tag::kStart);
    call_->StartCall(Of(Tag::kStart));
    while (waiting_ > 0) {
      void* tag = nullptr;
      bool ok = false;
      const auto came = queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kBetweenLooks);
      if (came == grpc::CompletionQueue::SHUTDOWN) break;
      if (came == grpc::CompletionQueue::TIMEOUT) {
        if (!is_wanted()) context_.TryCancel();
        continue;
      }
      --waiting_;
      Handle(static_cast<Tag>(reinterpret_cast<std::intptr_t>(tag)), ok);
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
    return status_;
  }

 private:
  enum class Tag : std::intptr_t { kStart = 1, kRead, kWrite, kWritesDone, kFinish };
  static void* Of(Tag tag) { return reinterpret_cast<void*>(static_cast<std::intptr_t>(tag)); }
  void Begin(Tag) { ++waiting_; }

  void Handle(Tag tag, bool ok) {
    switch (tag) {
      case Tag::kStart:
        if (!ok) return Finish();
        Read();
        return Write();
      case Tag::kRead:
        if (!ok) return Finish();
        if (!sink_(FromBuffer(incoming_))) context_.TryCancel();
        return Read();
      case Tag::kWrite:
        // A call that has ended takes no more; how it ended, the read says.
        if (ok) Write();
        return;
      case Tag::kWritesDone:
      case Tag::kFinish:
        return;
    }
  }

  void Read() {
    Begin(Tag::kRead);
    call_->Read(&incoming_, Of(Tag::kRead));
  }

  void Write() {
    if (written_ == request_.messages.size()) {
      Begin(Tag::kWritesDone);
      return call_->WritesDone(Of(Tag::kWritesDone));
    }
    Begin(Tag::kWrite);
    call_->Write(ToBuffer(request_.messages[written_++]), Of(Tag::kWrite));
  }

  void Finish() {
    Begin(Tag::kFinish);
    call_->Finish(&status_, Of(Tag::kFinish));
  }

  grpc::GenericStub stub_;
  const CallRequest& request_;
  const MessageSink& sink_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  std::size_t written_ = 0;
  int waiting_ = 0;
};

}  // namespace

grpc::Status RunCall(const std::shared_ptr<grpc::Channel>& channel, const CallRequest& request,
                     const MessageSink& sink, const std::function<bool()>& is_wanted) {
  // gRPC's clock has steps: a call that must end as it begins might be answered within one.
  if (request.timeout && *request.timeout <= std::chrono::milliseconds(0))
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline had passed when the call began"};
  return OneCall(channel, request, sink).Run(is_wanted);
}

}  // namespace sextant::server::http
