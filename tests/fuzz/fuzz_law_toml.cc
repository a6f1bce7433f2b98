// SPDX-License-Identifier: Apache-2.0
// Any text as a law file: it is refused with a reason, or it reads, writes back and reads again to the same
// text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fitting/law/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sextant::fitting;
  const auto spec = ParseLawSpec(std::string(reinterpret_cast<const char*>(data), size));
  if (!spec.ok()) {
    if (spec.status().message().empty()) std::abort();
    return 0;
  }
  const std::string text = LawSpecToToml(*spec);
  const auto again = ParseLawSpec(text);
  if (!again.ok() || LawSpecToToml(*again) != text) std::abort();
  const auto law = Law::Compile(*spec);
  if (!law.ok()) return 0;
  const std::vector<double> variables((*law)->spec().variables.size(), 2.0);
  const std::vector<double> parameters((*law)->spec().parameters.size(), 0.5);
  (void)(*law)->Evaluate(variables, parameters);
  return 0;
}
