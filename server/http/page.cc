// SPDX-License-Identifier: Apache-2.0
#include "server/http/page.h"

#include "server/http/page_text.h"

namespace sextant::server::http {

const PageFile* FindPageFile(std::string_view path) {
  static const PageFile kPage{"text/html; charset=utf-8", PageText()};
  static const PageFile kNoPage{
      "text/plain; charset=utf-8",
      "sextantd answers here in the Connect protocol: POST /sextant.v1.StudyService/ListStudies.\n"
      "It was built without its page: run ./quickstart --web where npm is installed.\n"};
  if (path != "/" && path != "/index.html") return nullptr;
  return PageText().empty() ? &kNoPage : &kPage;
}

}  // namespace sextant::server::http
