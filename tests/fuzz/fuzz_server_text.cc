// SPDX-License-Identifier: Apache-2.0
// Any text as a filter, an order, a page token and a resource name; and text made harmless is harmless, and
// stays so.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/printable.h"
#include "server/filter.h"
#include "server/names.h"
#include "server/page_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sextant::server;
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)ParseRunFilter(text);
  (void)ParseRunOrder(text);
  const std::vector<std::string> arguments = {"ListRuns", "studies/s", text};
  (void)ReadPageToken(arguments, text);
  const auto key = ReadPageToken(arguments, MakePageToken(arguments, text));
  if (!key.ok() || *key != text) std::abort();
  for (const auto& name : {ParseRunName(text), ParseFitName(text), ParseUploadName(text)}) {
    if (name && (name->study.empty() || name->id.empty())) std::abort();
  }
  (void)ParseStudyName(text);
  (void)ParseLawName(text);
  const std::string harmless = sextant::Printable(text);
  if (sextant::Printable(harmless) != harmless) std::abort();
  for (const char c : harmless) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  return 0;
}
