// Which format a file has, by its content.
#pragma once

#include <string>
#include <string_view>

namespace sextant::importers {

struct Detection {
  std::string format;  ///< a name of FormatNames(); empty: unknown
  std::string why;
  bool sure = true;  ///< false: nothing else fits, but any table or any JSON would do
};

/// What DetectFormat calls a SQLite file; its tables decide further.
inline constexpr char kSqliteFormat[] = "sqlite";

/// Looks at the first bytes of a file. With `mapped` columns a table is a table of runs, whatever its header.
Detection DetectFormat(std::string_view head, bool mapped);

}  // namespace sextant::importers
