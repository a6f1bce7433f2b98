// SPDX-License-Identifier: Apache-2.0
// Files that are there whole or not at all: written under another name, which is then changed.
#pragma once

#include <absl/status/status.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace sextant {

/// Whether a file that is there already under the final name is replaced.
enum class Existing { kKeep, kReplace };

/// The name next to `path` that a file is written under before it is whole: PATH.partial-PID.
std::string PartialName(const std::string& path);

/// Gives the file `partial` the name `path`. Returns 0 or errno: EEXIST for a name that is taken and kept. On
/// file systems without an exclusive rename the name is looked at first.
int PublishFile(const std::string& partial, const std::string& path, Existing existing);

/// A file that is being written. Destroyed before Publish has succeeded, it leaves nothing. Not thread-safe.
class WholeFile {
 public:
  /// Opens the partial file. With Existing::kKeep a name that is taken is an error at once.
  WholeFile(std::string path, Existing existing);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  void Write(std::string_view bytes);
  /// Brings what was written to the disk. Of several files, finish all before the first is published.
  bool Finish();
  /// Finish, and the name.
  bool Publish();
  /// errno of the first step that failed; 0 so far.
  int error() const { return error_; }

 private:
  const std::string path_, partial_;
  const Existing existing_;
  std::FILE* file_ = nullptr;
  int error_ = 0;
};

/// Replaces `path` by `bytes`. Unavailable, naming the file and the reason, when it cannot be written.
absl::Status ReplaceFile(const std::string& path, std::string_view bytes);

}  // namespace sextant
