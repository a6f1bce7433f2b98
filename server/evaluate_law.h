// SPDX-License-Identifier: Apache-2.0
// Any law at given inputs: conversion rules, growth factors, implicit laws and laws of a schedule included.
#pragma once

#include <absl/status/status.h>

#include "fitting/law/law.h"
#include "sextant/v1/law_service.pb.h"

namespace sextant::server {

/// Evaluates `law` at the request's variables, with its published parameters unless the request gives others.
/// INVALID_ARGUMENT naming every variable or parameter that is missing, unknown or not finite, or what is
/// wrong with the schedule; OUT_OF_RANGE where the law has no finite value. Side-effect free, thread-safe.
absl::Status EvaluateLaw(const fitting::Law& law, const v1::EvaluateLawRequest& request,
                         v1::EvaluateLawResponse& response);

}  // namespace sextant::server
