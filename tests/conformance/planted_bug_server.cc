// SPDX-License-Identifier: Apache-2.0
// sextantd with a bug in its store, for history_test.py: does the checker find it?
// usage: planted_bug_server ack-before-commit|double-apply DATABASE PORT_FILE
#include <signal.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/whole_file.h"
#include "server/server.h"
#include "storage/open_store.h"

namespace {

using sextant::storage::Snapshot;
using sextant::storage::Store;
using sextant::storage::StoreHealth;

class Wrapped : public Store {
 public:
  explicit Wrapped(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  absl::Status Write(const Work& work) override { return store_->Write(work); }
  absl::StatusOr<std::unique_ptr<Snapshot>> Read() override { return store_->Read(); }
  absl::StatusOr<StoreHealth> GetHealth() override { return store_->GetHealth(); }
  absl::Status CheckIntegrity() override { return store_->CheckIntegrity(); }
  absl::Status BackUp(const std::string& path) override { return store_->BackUp(path); }
  absl::Status Checkpoint() override { return store_->Checkpoint(); }

 protected:
  const std::shared_ptr<Store> store_;
};

// Counts every run that comes twice, as a store does that applies a write again when its answer got lost:
// uploads take no harm from that, a count does.
bool CountTwice(const std::string& path) {
  sqlite3* database = nullptr;
  const char* sql =
      "CREATE TRIGGER IF NOT EXISTS twice AFTER INSERT ON runs BEGIN "
      "UPDATE studies SET run_count = run_count + 1 WHERE study_key = NEW.study_key; END";
  const bool done = sqlite3_open(path.c_str(), &database) == SQLITE_OK &&
                    sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close(database);
  return done;
}

// Says that a change is durable when it is in memory: every change is undone by a kill that comes within 0.3
// s. What stands for the memory is a file of its own; the database itself is the copy of a while ago.
class AcknowledgesEarly final : public Wrapped {
 public:
  AcknowledgesEarly(std::shared_ptr<Store> store, std::string path)
      : Wrapped(std::move(store)), path_(std::move(path)), copier_([this] { Copy(); }) {
    copier_.detach();  // lives as long as the process, which is killed
  }

 private:
  void Copy() {
    for (;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      const std::string next = path_ + ".next";
      std::remove(next.c_str());
      if (store_->BackUp(next).ok()) std::rename(next.c_str(), path_.c_str());
    }
  }
  const std::string path_;
  std::thread copier_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string bug = argv[1], database = argv[2], port_file = argv[3];
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const bool early = bug == "ack-before-commit";
  std::string memory = database;
  if (early) {
    // The memory begins as what the disk has.
    memory = database + ".memory";
    for (const char* end : {"", "-wal", "-shm", ".lock"}) std::remove((memory + end).c_str());
    auto disk = sextant::storage::OpenStore(database);
    if (!disk.ok() || !(*disk)->BackUp(memory).ok()) return 1;
  }
  auto store = sextant::storage::OpenStore(memory);
  if (!store.ok()) return 1;
  std::shared_ptr<Store> wrong;
  if (early) {
    wrong = std::make_shared<AcknowledgesEarly>(*std::move(store), database);
  } else {
    if (!CountTwice(database)) return 1;
    wrong = std::make_shared<Wrapped>(*std::move(store));
  }
  sextant::server::ServerOptions options;
  options.database = database;
  options.listen = {"127.0.0.1:0"};
  auto server = sextant::server::Server::Create(options, wrong);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  if (!sextant::ReplaceFile(port_file, std::to_string((*server)->port()) + "\n").ok()) return 1;
  int signal = 0;
  sigwait(&signals, &signal);
  std::_Exit(0);
}
