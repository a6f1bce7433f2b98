// SPDX-License-Identifier: Apache-2.0
// What each method asks of its caller: one table. A method without a line is for administrators alone, and
// fails the conformance test of scopes.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <set>
#include <span>
#include <string>

#include "storage/records.h"

namespace sextant::server {

/// Which studies a call is about, for tokens that open only some.
enum class Reach : std::uint8_t {
  kNamed,  ///< those that the request names, at least one
  kAny,    ///< those that the request names, maybe none; what it answers without a name is for everyone
  kAll,    ///< all studies, or the server as a whole: not for tokens of single studies
};

struct Rule {
  const char* method;  ///< "StudyService.CreateStudy"
  storage::TokenScope scope;
  Reach reach;
};

std::span<const Rule> Rules();

/// The rule of a method, by the type of its request, which no two methods share. For a type that no rule is
/// about: administrators, all studies. Thread-safe.
const Rule& RuleOf(const google::protobuf::Descriptor* request);
/// The place in Rules() of a method as gRPC names it ("/sextant.v1.StudyService/CreateStudy"); -1 for others.
int RuleIndexOf(const std::string& grpc_method);

/// The studies that a request names anywhere ("studies/S", "studies/S/runs/R"), and a `study_id` of its own.
/// What is in no name's form names nothing.
std::set<std::string> StudiesNamedIn(const google::protobuf::Message& request);

}  // namespace sextant::server
