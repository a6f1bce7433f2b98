// SPDX-License-Identifier: Apache-2.0
// How long computations end when nobody waits for them any more.
#pragma once

#include <exception>
#include <functional>

namespace sextant {

/// Thrown by CheckGivenUp: what was computed so far is of no use.
class GivenUp final : public std::exception {
 public:
  const char* what() const noexcept override { return "nobody waits for the answer any more"; }
};

/// While it lives, CheckGivenUp asks `given_up` on this thread. Scopes nest: the innermost is asked.
class GiveUpScope {
 public:
  /// `given_up` outlives the scope and may be asked by several threads at once.
  explicit GiveUpScope(const std::function<bool()>& given_up);
  GiveUpScope(const GiveUpScope&) = delete;
  GiveUpScope& operator=(const GiveUpScope&) = delete;
  ~GiveUpScope();

 private:
  friend class GiveUpOfCaller;
  explicit GiveUpScope(const std::function<bool()>* given_up);
  const std::function<bool()>* const before_;
};

/// Throws GivenUp once the function of this thread's scope says true; does nothing on a thread without one,
/// so that only those who opened a scope need to expect it. Costs some nanoseconds, and what the function
/// takes: call it every few microseconds of work or less often, never inside a library that does not expect
/// exceptions.
void CheckGivenUp();
/// The same as a question, for code that exceptions must not pass through.
bool IsGivenUp();

/// The scope of the thread that makes it, for the threads that work for it: the body of a parallel loop
/// begins with `const auto scope = caller.Enter();`.
class GiveUpOfCaller {
 public:
  GiveUpOfCaller();
  GiveUpScope Enter() const { return GiveUpScope(given_up_); }

 private:
  const std::function<bool()>* const given_up_;
};

}  // namespace sextant
