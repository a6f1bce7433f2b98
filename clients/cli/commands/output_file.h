// SPDX-License-Identifier: Apache-2.0
// Files that a command writes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/whole_file.h"
#include "clients/cli/session.h"

namespace sextant::cli {

/// A new file, or "-" for standard output. A file gets its name when Close has found it whole; otherwise
/// nothing is left.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(const std::string& bytes);
  bool ok() const { return error() == 0; }
  /// Brings what was written to the disk.
  bool Finish();
  /// Finish, and the name; the exit code.
  int Close(const Session& session);

 private:
  int error() const { return file_ ? file_->error() : stdout_error_; }

  const std::string path_;
  std::optional<WholeFile> file_;  ///< absent for standard output
  int stdout_error_ = 0;
};

/// "wrote PATH (12 MB)", of a file or of the files in a folder; nothing for standard output.
void NoteWritten(const Session& session, const std::string& path);

/// Writes to `path` what a call streams in messages with a `data` field; nothing is left there when it fails.
template <typename Service, typename Piece, typename Request, typename Method>
int Download(Session& session, const std::string& path, const Request& request, Method method) {
  OutputFile out(path);
  if (!out.ok()) return out.Close(session);
  if (const int code = session.Connect(); code != kExitOk) return code;
  const auto stub = Service::NewStub(session.channel());
  grpc::ClientContext context;
  session.Prepare(&context, 0);
  const InterruptScope scope([&] { context.TryCancel(); });
  const std::unique_ptr<grpc::ClientReader<Piece>> stream = ((*stub).*method)(&context, request);
  Piece piece;
  while (out.ok() && stream->Read(&piece)) out.Write(piece.data());
  if (!out.ok()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  return out.ok() && !status.ok() ? session.FailServer(status) : out.Close(session);
}

}  // namespace sextant::cli
