# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: the file PAGE as C++ text, or none where it is not there.
set(text "")
if(EXISTS "${PAGE}")
  file(READ "${PAGE}" text)
endif()
file(WRITE "${OUTPUT}" "// Made by server/http/embed_page.cmake from clients/web.
#include \"server/http/page_text.h\"

namespace sextant::server::http {

std::string_view PageText() {
  static constexpr char kText[] = R\"~page~(${text})~page~\";
  return {kText, sizeof(kText) - 1};
}

}  // namespace sextant::server::http
")
