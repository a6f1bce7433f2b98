// SPDX-License-Identifier: Apache-2.0
#include "storage/writer.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace sextant::storage {
namespace {

// A group ends at whichever comes first; what waits then goes into the next one.
constexpr std::size_t kMaxGroup = 256;
constexpr std::chrono::milliseconds kMaxGroupTime{50};

struct Item {
  Writer::Work work;
  Writer::Done done;
};

// Without memory one write fails, not the process.
absl::Status StopThrowing(const std::function<absl::Status()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while writing: retry later");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected failure while writing: ", error.what()));
  }
}

}  // namespace

class Writer::Impl {
 public:
  Impl(std::shared_ptr<Store> store, std::size_t queue_limit, std::function<void()> begin)
      : store_(std::move(store)), queue_limit_(queue_limit), thread_([this, begin = std::move(begin)] {
          if (begin) begin();
          Loop();
        }) {}

  absl::Status Submit(Work work, Done done) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return absl::UnavailableError("shutting down: no more writes are taken");
      if (queue_.size() >= queue_limit_) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the write queue is full (", queue_limit_, " waiting): retry later"));
      }
      queue_.push_back({std::move(work), std::move(done)});
    }
    ready_.notify_one();
    return absl::OkStatus();
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_one();
    const std::lock_guard join(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Loop() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
      }
      RunGroup();
    }
  }

  bool Take(Item& item) {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    item = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

  // One transaction for what waits: each item in a savepoint, so that its failure undoes it alone.
  void RunGroup() {
    std::vector<std::pair<Done, absl::Status>> finished;
    finished.reserve(kMaxGroup);
    const auto deadline = std::chrono::steady_clock::now() + kMaxGroupTime;
    const auto run_all = [&](Transaction& transaction) {
      Item item;
      while (finished.size() < kMaxGroup && Take(item)) {
        absl::Status& status = finished.emplace_back(std::move(item.done), absl::OkStatus()).second;
        status = transaction.Nested(
            [&](Transaction& nested) { return StopThrowing([&] { return item.work(nested); }); });
        if (std::chrono::steady_clock::now() > deadline) break;
      }
      return absl::OkStatus();
    };
    const absl::Status committed = StopThrowing([&] { return store_->Write(run_all); });
    if (finished.empty() && !committed.ok()) {  // the transaction did not even begin
      Item item;
      if (Take(item)) finished.emplace_back(std::move(item.done), committed);
    }
    for (auto& [done, status] : finished) {
      if (done) done(status.ok() ? committed : status);
    }
  }

  const std::shared_ptr<Store> store_;
  const std::size_t queue_limit_;
  std::mutex mutex_, join_mutex_;
  std::condition_variable ready_;
  std::deque<Item> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the members above
};

Writer::Writer(std::shared_ptr<Store> store, std::size_t queue_limit, std::function<void()> begin)
    : impl_(std::make_unique<Impl>(std::move(store), queue_limit, std::move(begin))) {}
Writer::~Writer() { Stop(); }
absl::Status Writer::Submit(Work work, Done done) { return impl_->Submit(std::move(work), std::move(done)); }
void Writer::Stop() { impl_->Stop(); }

}  // namespace sextant::storage
