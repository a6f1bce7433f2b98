// SPDX-License-Identifier: Apache-2.0
// Hands an error status to the caller: the two forms that nearly every function of this project needs.
#pragma once

#include <absl/base/optimization.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <utility>

/// Evaluates `expression`, an absl::Status, once; returns it from the calling function unless it is OK.
#define RETURN_IF_ERROR(expression)                                                             \
  do {                                                                                          \
    if (absl::Status status_of_call = (expression); ABSL_PREDICT_FALSE(!status_of_call.ok())) { \
      return status_of_call;                                                                    \
    }                                                                                           \
  } while (false)

/// Evaluates `expression`, an absl::StatusOr<T>, once; returns its status from the calling function unless it
/// holds a value, which is moved into `target`: a declaration ("const auto run") or something assignable.
/// Two statements: not for a loop or a condition without braces. A type with commas needs an alias.
#define ASSIGN_OR_RETURN(target, ...) \
  SEXTANT_ASSIGN_OR_RETURN(SEXTANT_CONCATENATE(status_or_of_line_, __LINE__), target, (__VA_ARGS__))

#define SEXTANT_CONCATENATE_TOKENS(a, b) a##b
#define SEXTANT_CONCATENATE(a, b) SEXTANT_CONCATENATE_TOKENS(a, b)
#define SEXTANT_ASSIGN_OR_RETURN(temporary, target, expression)                  \
  auto temporary = expression;                                                   \
  if (ABSL_PREDICT_FALSE(!temporary.ok())) return std::move(temporary).status(); \
  target = *std::move(temporary)
