// SPDX-License-Identifier: Apache-2.0
#include "server/idle_streams.h"

#include <utility>
#include <vector>

namespace sextant::server {
namespace {

constexpr std::chrono::milliseconds kLookEvery{250};

}  // namespace

// Stands between the thread that ends streams and a stream that is done meanwhile. Recursive: to cancel a
// call may end it here and now.
struct IdleStreams::Place::Shared {
  std::recursive_mutex mutex;
  grpc::CallbackServerContext* context = nullptr;
  std::chrono::milliseconds limit{0};
};

IdleStreams::Place::~Place() {
  {
    const std::lock_guard lock(streams_.mutex_);
    streams_.places_.erase(at_);
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->context = nullptr;
}

IdleStreams::IdleStreams() : thread_([this] { Loop(); }) {}

IdleStreams::~IdleStreams() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::unique_ptr<IdleStreams::Place> IdleStreams::Watch(grpc::CallbackServerContext& context,
                                                       std::chrono::milliseconds limit) {
  auto shared = std::make_shared<Place::Shared>();
  shared->context = &context;
  shared->limit = limit;
  std::unique_ptr<Place> place(new Place(*this, std::move(shared)));
  const std::lock_guard lock(mutex_);
  place->at_ = places_.insert(places_.end(), place.get());
  return place;
}

void IdleStreams::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookEvery, [this] { return stopped_; })) {
    lock.unlock();
    EndIdle();
    lock.lock();
  }
}

void IdleStreams::EndIdle() {
  const auto now = Clock::now().time_since_epoch();
  std::vector<std::shared_ptr<Place::Shared>> idle;
  {
    const std::lock_guard lock(mutex_);
    for (Place* place : places_) {
      const Clock::duration silence = now - Clock::duration(place->last_.load(std::memory_order_relaxed));
      if (silence < place->shared_->limit || place->ended()) continue;
      place->ended_ = true;
      idle.push_back(place->shared_);
    }
  }
  for (const auto& shared : idle) {
    const std::lock_guard lock(shared->mutex);
    if (shared->context != nullptr) shared->context->TryCancel();
  }
}

}  // namespace sextant::server
