// SPDX-License-Identifier: Apache-2.0
// Follows page tokens.
#pragma once

#include <string>

#include "clients/cli/session.h"

namespace sextant::cli {

/// Calls `method` page by page and `each(response)` for every page, until the last or until `each` returns
/// false.
template <class Stub, class Request, class Response, class Each>
int ForEachPage(Session& session,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                Request request, Each each) {
  while (true) {
    Response response;
    if (const int code = session.Call(method, request, &response); code != kExitOk) return code;
    if (!each(response) || response.next_page_token().empty()) return kExitOk;
    request.set_page_token(response.next_page_token());
  }
}

}  // namespace sextant::cli
