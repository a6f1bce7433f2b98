// SPDX-License-Identifier: Apache-2.0
#include "server/service/scratch_folder.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

constexpr char kSuffix[] = ".scratch-";
constexpr int kRetrySeconds = 10;

// What scratch leaves free on a disk of `capacity` bytes.
std::uintmax_t Reserve(const Core& core, std::uintmax_t capacity) {
  if (core.disk_reserve_mb >= 0) return static_cast<std::uintmax_t>(core.disk_reserve_mb) << 20;
  return std::min<std::uintmax_t>(kDiskReserveBytes, capacity / kDiskReserveShare);
}

bool HasRoom(const Core& core, const std::filesystem::path& folder, std::int64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  return !error && space.available >= static_cast<std::uintmax_t>(bytes) + Reserve(core, space.capacity);
}

// The folder's path up to its random end.
std::string Prefix(const Core& core, std::int64_t wanted_bytes) {
  std::error_code error;
  const std::filesystem::path beside = std::filesystem::absolute(core.database, error);
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(error);
  const bool can_be_beside = core.database_is_file && core.why_read_only.empty();
  const bool takes_temporary =
      !error && (!can_be_beside || (!HasRoom(core, beside.parent_path(), wanted_bytes) &&
                                    HasRoom(core, temporary, wanted_bytes)));
  return (takes_temporary ? temporary / "sextant" : beside).string() + kSuffix;
}

}  // namespace

absl::Status ScratchFolder::Create(const Core& core, std::int64_t wanted_bytes) {
  std::string path = Prefix(core, wanted_bytes) + "XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    if (errno == ENOSPC || errno == EDQUOT) return NoRoom(path, "a file");
    return WithReason(absl::InternalError(absl::StrCat(
                          "cannot make the folder ", path,
                          " for a file: ", std::string(absl::ErrnoToStatus(errno, "").message()))),
                      "INTERNAL");
  }
  path_ = std::move(path);
  return absl::OkStatus();
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

void RemoveScratchFolders(const std::string& database) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(database, error);
  const std::string begin = file.filename().string() + kSuffix;
  for (std::filesystem::directory_iterator at(file.parent_path(), error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (absl::StartsWith(at->path().filename().string(), begin) && at->is_directory(ignored)) {
      std::filesystem::remove_all(at->path(), ignored);
    }
  }
}

absl::Status CheckRoom(const Core& core, const std::string& path, std::int64_t bytes,
                       const std::string& what) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path().parent_path();
  if (HasRoom(core, folder, bytes)) return absl::OkStatus();
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error) return absl::OkStatus();
  return QuotaExceeded(
      "STORE_FULL", folder.string(),
      absl::StrCat("no room for ", what, ": it takes ", (bytes >> 20) + 1, " MiB in ", folder.string(),
                   " first, where ", space.available >> 20, " MiB are free and ",
                   Reserve(core, space.capacity) >> 20,
                   " MiB are kept for uploads (--disk-reserve-mb); free space there and retry"),
      kRetrySeconds);
}

absl::Status NoRoom(const std::string& path, const std::string& what) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return QuotaExceeded("STORE_FULL", folder,
                       absl::StrCat("no space left for ", what, " in ", folder,
                                    ", where the server puts it together; free "
                                    "space there and retry"),
                       kRetrySeconds);
}

}  // namespace sextant::server
