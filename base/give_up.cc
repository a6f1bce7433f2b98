// SPDX-License-Identifier: Apache-2.0
#include "base/give_up.h"

namespace sextant {
namespace {

thread_local const std::function<bool()>* this_thread_gave_up = nullptr;

}  // namespace

GiveUpScope::GiveUpScope(const std::function<bool()>& given_up) : GiveUpScope(&given_up) {}

GiveUpScope::GiveUpScope(const std::function<bool()>* given_up) : before_(this_thread_gave_up) {
  this_thread_gave_up = given_up;
}

GiveUpScope::~GiveUpScope() { this_thread_gave_up = before_; }

bool IsGivenUp() {
  return this_thread_gave_up != nullptr && *this_thread_gave_up && (*this_thread_gave_up)();
}

void CheckGivenUp() {
  if (IsGivenUp()) throw GivenUp();
}

GiveUpOfCaller::GiveUpOfCaller() : given_up_(this_thread_gave_up) {}

}  // namespace sextant
