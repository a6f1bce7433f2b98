// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/fault_vfs.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

namespace sextant::storage {

struct FaultVfs::State {
  mutable std::mutex mutex;
  sqlite3_vfs* below = nullptr;
  sqlite3_vfs vfs{};
  std::array<std::int64_t, kDiskCalls.size()> counts{};
  bool armed = false, for_good = false, struck = false;
  DiskCall call = DiskCall::kRead;
  std::int64_t at = 0;
  std::string folder;  // watched
  Disk disk;
  std::function<void(const Disk&)> at_sync;

  // Counts a call; true when it is to fail. Under the mutex.
  bool Strikes(DiskCall now) {
    const std::int64_t n = ++counts[static_cast<std::size_t>(now)];
    if (!armed || now != call || !(n == at || (for_good && n > at))) return false;
    struck = true;
    return true;
  }
  bool Watches(const std::string& name) const { return !folder.empty() && name.rfind(folder, 0) == 0; }
};

namespace {

FaultVfs::State* current = nullptr;

struct FaultFile {
  sqlite3_file base;
  std::string* name;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultFile* Of(sqlite3_file* file) { return reinterpret_cast<FaultFile*>(file); }

void Apply(const FaultVfs::Write& write, std::vector<char>& bytes) {
  const auto begin = static_cast<std::size_t>(write.offset);
  if (write.truncates) {
    bytes.resize(std::min(bytes.size(), begin));
    return;
  }
  bytes.resize(std::max(bytes.size(), begin + write.data.size()));
  std::copy(write.data.begin(), write.data.end(), bytes.begin() + write.offset);
}

}  // namespace

struct FaultCalls {
  static int Close(sqlite3_file* file) {
    FaultFile* self = Of(file);
    const int code = self->real()->pMethods->xClose(self->real());
    delete self->name;
    self->name = nullptr;
    return code;
  }
  static int Read(sqlite3_file* file, void* to, int bytes, sqlite3_int64 offset) {
    {
      const std::lock_guard lock(current->mutex);
      if (current->Strikes(DiskCall::kRead)) return SQLITE_IOERR_READ;
    }
    return Of(file)->real()->pMethods->xRead(Of(file)->real(), to, bytes, offset);
  }
  static int Write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
    const std::lock_guard lock(current->mutex);
    FaultFile* self = Of(file);
    if (current->Strikes(DiskCall::kWrite)) {
      // A disk that fails may have taken a part.
      const int part = bytes / 2;
      if (part > 0) self->real()->pMethods->xWrite(self->real(), from, part, offset);
      return SQLITE_IOERR_WRITE;
    }
    if (current->Watches(*self->name)) {
      const char* data = static_cast<const char*>(from);
      current->disk[*self->name].pending.push_back({offset, std::vector<char>(data, data + bytes), false});
    }
    return self->real()->pMethods->xWrite(self->real(), from, bytes, offset);
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    const std::lock_guard lock(current->mutex);
    FaultFile* self = Of(file);
    if (current->Strikes(DiskCall::kTruncate)) return SQLITE_IOERR_TRUNCATE;
    if (current->Watches(*self->name)) current->disk[*self->name].pending.push_back({size, {}, true});
    return self->real()->pMethods->xTruncate(self->real(), size);
  }
  static int Sync(sqlite3_file* file, int flags) {
    const std::lock_guard lock(current->mutex);
    FaultFile* self = Of(file);
    if (current->Strikes(DiskCall::kSync)) return SQLITE_IOERR_FSYNC;
    if (current->Watches(*self->name)) {
      current->at_sync(current->disk);
      FaultVfs::Image& image = current->disk[*self->name];
      for (const FaultVfs::Write& write : image.pending) Apply(write, image.synced);
      image.pending.clear();
      current->at_sync(current->disk);
    }
    return self->real()->pMethods->xSync(self->real(), flags);
  }
  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    return Of(file)->real()->pMethods->xFileSize(Of(file)->real(), size);
  }
  static int Lock(sqlite3_file* file, int level) {
    return Of(file)->real()->pMethods->xLock(Of(file)->real(), level);
  }
  static int Unlock(sqlite3_file* file, int level) {
    return Of(file)->real()->pMethods->xUnlock(Of(file)->real(), level);
  }
  static int CheckReservedLock(sqlite3_file* file, int* out) {
    return Of(file)->real()->pMethods->xCheckReservedLock(Of(file)->real(), out);
  }
  static int FileControl(sqlite3_file* file, int what, void* argument) {
    return Of(file)->real()->pMethods->xFileControl(Of(file)->real(), what, argument);
  }
  static int SectorSize(sqlite3_file* file) {
    return Of(file)->real()->pMethods->xSectorSize(Of(file)->real());
  }
  static int DeviceCharacteristics(sqlite3_file* file) {
    // A write that is torn is torn here: nothing is promised of it.
    return Of(file)->real()->pMethods->xDeviceCharacteristics(Of(file)->real()) &
           ~SQLITE_IOCAP_POWERSAFE_OVERWRITE;
  }
  static int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    return Of(file)->real()->pMethods->xShmMap(Of(file)->real(), page, size, extend, out);
  }
  static int ShmLock(sqlite3_file* file, int offset, int n, int flags) {
    return Of(file)->real()->pMethods->xShmLock(Of(file)->real(), offset, n, flags);
  }
  static void ShmBarrier(sqlite3_file* file) { Of(file)->real()->pMethods->xShmBarrier(Of(file)->real()); }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    return Of(file)->real()->pMethods->xShmUnmap(Of(file)->real(), remove);
  }

  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods made{};
      made.iVersion = 2;  // no memory maps: those are not seen here
      made.xClose = Close, made.xRead = Read, made.xWrite = Write, made.xTruncate = Truncate,
      made.xSync = Sync;
      made.xFileSize = FileSize, made.xLock = Lock, made.xUnlock = Unlock;
      made.xCheckReservedLock = CheckReservedLock, made.xFileControl = FileControl;
      made.xSectorSize = SectorSize, made.xDeviceCharacteristics = DeviceCharacteristics;
      made.xShmMap = ShmMap, made.xShmLock = ShmLock, made.xShmBarrier = ShmBarrier,
      made.xShmUnmap = ShmUnmap;
      return made;
    }();
    FaultFile* self = Of(file);
    self->base.pMethods = nullptr;
    std::memset(self->real(), 0, static_cast<std::size_t>(current->below->szOsFile));
    const int code = current->below->xOpen(current->below, name, self->real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    self->name = new std::string(name == nullptr ? "" : name);
    self->base.pMethods = &methods;
    const std::lock_guard lock(current->mutex);
    if (current->Watches(*self->name)) current->disk.try_emplace(*self->name);
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs*, const char* name, int sync) {
    {
      const std::lock_guard lock(current->mutex);
      current->disk.erase(name);
    }
    return current->below->xDelete(current->below, name, sync);
  }
};

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  state_->below = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->below;  // what is not replaced stays the system's
  state_->vfs.zName = "sextant-faults";
  state_->vfs.szOsFile = static_cast<int>(sizeof(FaultFile)) + state_->below->szOsFile;
  state_->vfs.xOpen = FaultCalls::Open;
  state_->vfs.xDelete = FaultCalls::Delete;
  current = state_.get();
  sqlite3_vfs_register(&state_->vfs, 1);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->below, 1);
  current = nullptr;
}

void FaultVfs::FailAt(DiskCall call, std::int64_t n, bool for_good) {
  const std::lock_guard lock(state_->mutex);
  state_->counts.fill(0);
  state_->armed = true;
  state_->struck = false;
  state_->call = call;
  state_->at = n;
  state_->for_good = for_good;
}

void FaultVfs::Disarm() {
  const std::lock_guard lock(state_->mutex);
  state_->armed = false;
  state_->counts.fill(0);
}

bool FaultVfs::struck() const {
  const std::lock_guard lock(state_->mutex);
  return state_->struck;
}

std::int64_t FaultVfs::calls(DiskCall call) const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts[static_cast<std::size_t>(call)];
}

void FaultVfs::Watch(const std::string& folder, std::function<void(const Disk&)> at_sync) {
  const std::lock_guard lock(state_->mutex);
  state_->disk.clear();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    Image image;
    image.synced.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    state_->disk[entry.path().string()] = std::move(image);
  }
  state_->folder = folder;
  state_->at_sync = std::move(at_sync);
}

void FaultVfs::Unwatch() {
  const std::lock_guard lock(state_->mutex);
  state_->folder.clear();
  state_->disk.clear();
}

const char* NameOf(DiskCall call) {
  switch (call) {
    case DiskCall::kRead:
      return "read";
    case DiskCall::kWrite:
      return "write";
    case DiskCall::kSync:
      return "sync";
    case DiskCall::kTruncate:
      break;
  }
  return "truncate";
}

void WriteAfterLoss(const FaultVfs::Disk& disk, PowerLoss loss, std::uint64_t seed, const std::string& to) {
  constexpr std::size_t kSector = 512;
  std::mt19937_64 random(seed);
  for (const auto& [name, image] : disk) {
    const std::string file = std::filesystem::path(name).filename().string();
    if (file.find("-shm") != std::string::npos || file.find(".lock") != std::string::npos) continue;
    std::vector<char> bytes = image.synced;
    for (const FaultVfs::Write& write : image.pending) {
      if (loss == PowerLoss::kDropsAll) break;
      if (write.truncates || loss == PowerLoss::kKeepsSome) {
        if (random() % 2 == 0) Apply(write, bytes);
        continue;
      }
      for (std::size_t at = 0; at < write.data.size(); at += kSector) {
        if (random() % 2 == 0) continue;
        const std::size_t end = std::min(write.data.size(), at + kSector);
        Apply({write.offset + static_cast<std::int64_t>(at),
               std::vector<char>(write.data.begin() + static_cast<std::ptrdiff_t>(at),
                                 write.data.begin() + static_cast<std::ptrdiff_t>(end)),
               false},
              bytes);
      }
    }
    std::ofstream(std::filesystem::path(to) / file, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace sextant::storage
