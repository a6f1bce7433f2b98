// SPDX-License-Identifier: Apache-2.0
// A disk that fails when it is told to, below SQLite: a VFS in front of the system's.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sextant::storage {

enum class DiskCall : std::uint8_t { kRead, kWrite, kSync, kTruncate };
inline constexpr std::array kDiskCalls = {DiskCall::kRead, DiskCall::kWrite, DiskCall::kSync,
                                          DiskCall::kTruncate};
const char* NameOf(DiskCall call);

/// While it lives, every database of this process is opened through it. One at a time. Thread-safe.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  /// The n-th call (from 1) of that kind from now on fails, and with `for_good` all of that kind after it.
  void FailAt(DiskCall call, std::int64_t n, bool for_good);
  /// No faults; counts begin again.
  void Disarm();
  /// Whether the fault has come.
  bool struck() const;
  std::int64_t calls(DiskCall call) const;

  /// What is on the disk, and what was written since the last sync of its file, of every file below a folder.
  struct Write {
    std::int64_t offset = 0;
    std::vector<char> data;
    bool truncates = false;  ///< to `offset` bytes
  };
  struct Image {
    std::vector<char> synced;
    std::vector<Write> pending;
  };
  using Disk = std::map<std::string, Image>;
  /// From now on keeps the disk of the files in `folder`, and calls `at_sync` at every sync before it takes
  /// effect, and once it has. Under a lock: it must not use SQLite.
  void Watch(const std::string& folder, std::function<void(const Disk&)> at_sync);
  /// Ends Watch.
  void Unwatch();

  struct State;

 private:
  std::unique_ptr<State> state_;
};

/// How writes that were not synced come through a loss of power.
enum class PowerLoss : std::uint8_t {
  kDropsAll,
  kKeepsSome,  ///< each write whole or not at all, as the seed says
  kTears,      ///< each sector of 512 bytes by itself
};
inline constexpr std::array kPowerLosses = {PowerLoss::kDropsAll, PowerLoss::kKeepsSome, PowerLoss::kTears};

/// Writes the files of `disk` as they are found after the loss, under their names in `to`.
void WriteAfterLoss(const FaultVfs::Disk& disk, PowerLoss loss, std::uint64_t seed, const std::string& to);

}  // namespace sextant::storage
