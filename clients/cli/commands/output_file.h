// Files that a command writes.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "clients/cli/session.h"

namespace sextant::cli {

/// A file that is whole when Close says so; "-" is standard output.
class OutputFile {
 public:
  explicit OutputFile(std::string path) : path_(std::move(path)) {
    file_ = path_ == "-" ? stdout : std::fopen(path_.c_str(), "wbx");
    if (file_ == nullptr) error_ = std::strerror(errno);
  }
  ~OutputFile() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(const std::string& bytes) {
    if (error_.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
      error_ = std::strerror(errno);
    }
  }
  bool ok() const { return error_.empty(); }
  /// Removes what was written.
  void Discard() {
    if (path_ != "-") std::remove(path_.c_str());
  }
  int Close(const Session& session) {
    if (ok() && std::fflush(file_) != 0) error_ = std::strerror(errno);
    if (ok()) return kExitOk;
    return session.Fail({kExitLocal,
                         "cannot write " + Safe(path_) + ": " + error_,
                         {},
                         error_ == std::strerror(EEXIST) ? "it goes to a new file" : ""});
  }

 private:
  std::string path_, error_;
  std::FILE* file_ = nullptr;
};

/// Writes to `path` what a call streams in messages with a `data` field; nothing is left there when it fails.
template <typename Service, typename Piece, typename Request, typename Method>
int Download(Session& session, const std::string& path, const Request& request, Method method) {
  OutputFile out(path);
  if (!out.ok()) return out.Close(session);
  if (const int code = session.Connect(); code != kExitOk) {
    out.Discard();
    return code;
  }
  const auto stub = Service::NewStub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  const std::unique_ptr<grpc::ClientReader<Piece>> stream = ((*stub).*method)(&context, request);
  Piece piece;
  while (stream->Read(&piece)) out.Write(piece.data());
  const grpc::Status status = stream->Finish();
  if (status.ok()) return out.Close(session);
  out.Discard();
  return session.FailServer(status);
}

}  // namespace sextant::cli
