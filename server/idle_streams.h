// SPDX-License-Identifier: Apache-2.0
// Ends streams on which nothing happens: a client that is silent, or does not read, holds no place for ever.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace sextant::server {

/// Thread-safe; outlives its places.
class IdleStreams {
 public:
  using Clock = std::chrono::steady_clock;

  /// A stream that is watched. Destroyed when the stream is done, while its context still lives.
  class Place {
   public:
    ~Place();
    /// Something has happened: the time begins again.
    void Touch() { last_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }
    /// True once it was ended for being idle.
    bool ended() const { return ended_.load(std::memory_order_relaxed); }

   private:
    friend class IdleStreams;
    struct Shared;
    Place(IdleStreams& streams, std::shared_ptr<Shared> shared)
        : streams_(streams), shared_(std::move(shared)) {
      Touch();
    }

    IdleStreams& streams_;
    const std::shared_ptr<Shared> shared_;
    std::list<Place*>::iterator at_;
    std::atomic<Clock::rep> last_{0};
    std::atomic<bool> ended_{false};
  };

  IdleStreams();
  ~IdleStreams();
  IdleStreams(const IdleStreams&) = delete;
  IdleStreams& operator=(const IdleStreams&) = delete;

  /// The call is cancelled when its place is not touched for `limit`.
  std::unique_ptr<Place> Watch(grpc::CallbackServerContext& context, std::chrono::milliseconds limit);

 private:
  void Loop();
  void EndIdle();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;      // guarded by mutex_
  std::list<Place*> places_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::server
