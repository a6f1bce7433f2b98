#include "server/service/file_download.h"

#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>

namespace sextant::server {

absl::Status ScratchFolder::Create() {
  std::string path = (std::filesystem::temp_directory_path() / "sextant-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("no scratch folder ", path));
  }
  path_ = std::move(path);
  return absl::OkStatus();
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace sextant::server
