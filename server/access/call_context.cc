// SPDX-License-Identifier: Apache-2.0
#include "server/access/call_context.h"

#include <utility>

namespace sextant::server {

grpc::CallbackServerContext* CallContexts::NewCallbackServerContext() {
  auto context = std::make_unique<CallContext>();
  grpc::CallbackServerContext* const address = context.get();
  const std::lock_guard lock(mutex_);
  made_.emplace(address, std::move(context));
  return address;
}

void CallContexts::Release(grpc::CallbackServerContext* context) {
  std::unique_ptr<CallContext> released;
  const std::lock_guard lock(mutex_);
  const auto found = made_.find(context);
  if (found == made_.end()) return;
  released = std::move(found->second);
  made_.erase(found);
}

}  // namespace sextant::server
