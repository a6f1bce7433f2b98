// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/format.h"

#include <algorithm>
#include <string_view>

namespace sextant::importers {

#define SEXTANT_FORMAT_ENTRY(id) extern const Format format_##id;
#include "clients/importers/format_list.inc"
#undef SEXTANT_FORMAT_ENTRY

const std::vector<const Format*>& Formats() {
  static const auto* all = [] {
    auto* list = new std::vector<const Format*>{
#define SEXTANT_FORMAT_ENTRY(id) &format_##id,
#include "clients/importers/format_list.inc"
#undef SEXTANT_FORMAT_ENTRY
    };
    std::sort(list->begin(), list->end(), [](const Format* a, const Format* b) {
      return std::string_view(a->name) < std::string_view(b->name);
    });
    return list;
  }();
  return *all;
}

const Format* FindFormat(std::string_view name) {
  for (const Format* format : Formats()) {
    if (name == format->name) return format;
  }
  return nullptr;
}

}  // namespace sextant::importers
