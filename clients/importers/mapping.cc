// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/mapping.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/edit_distance.h"
#include "clients/importers/fields.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

std::string ColumnList(const std::vector<std::string>& header) {
  constexpr std::size_t kShown = 20;
  std::string list;
  for (std::size_t i = 0; i < header.size() && i < kShown; ++i) {
    absl::StrAppend(&list, i > 0 ? ", " : "", Printable(header[i]).substr(0, 60));
  }
  if (header.size() > kShown) absl::StrAppend(&list, ", … (", header.size(), " columns)");
  return list;
}

std::optional<std::size_t> FindColumn(const std::vector<std::string>& header, const std::string& name) {
  const auto at = std::find(header.begin(), header.end(), name);
  if (at == header.end()) return std::nullopt;
  return static_cast<std::size_t>(at - header.begin());
}

bool HasField(const BoundMapping& mapping, const std::string& prefix) {
  return std::any_of(mapping.columns.begin(), mapping.columns.end(), [&](const BoundColumn& bound) {
    return bound.field.compare(0, prefix.size(), prefix) == 0;
  });
}

void BindByName(const std::string& field, const std::vector<std::string>& aliases,
                const std::vector<std::string>& header, BoundMapping* mapping) {
  std::vector<std::string> names{field};
  names.insert(names.end(), aliases.begin(), aliases.end());
  for (const std::string& name : names) {
    if (const auto column = FindColumn(header, name)) {
      mapping->columns.push_back({field, *column});
      if (name != field) mapping->renamed.push_back(absl::StrCat(name, " as ", field));
      return;
    }
  }
}

/// The last step's loss is noisier by far than differences between rates: on Step Law's table it moves the
/// recommended rate by 40 %.
std::string SmoothLossAdvice(const std::string& mapped, const std::vector<std::string>& header) {
  for (const char* name : {"smooth_loss", "smooth loss", "loss_smooth", "smoothed_loss"}) {
    if (mapped == name || !FindColumn(header, name)) continue;
    return absl::StrCat("the loss is taken from column ", Quoted(mapped), " though there is a column ",
                        Quoted(name), ", which is less noisy: optima are told by small differences");
  }
  return "";
}

absl::StatusOr<BoundMapping> BindExplicit(const std::vector<FieldMapping>& map,
                                          const std::vector<std::string>& header, const std::string& source) {
  BoundMapping mapping;
  mapping.explicit_map = true;
  std::set<std::string> seen;
  for (const FieldMapping& entry : map) {
    if (!seen.insert(entry.field).second) {
      return absl::InvalidArgumentError(absl::StrCat("--map sets ", entry.field, " twice"));
    }
    const auto column = FindColumn(header, entry.column);
    if (!column) {
      const std::string nearest = Nearest(entry.column, header);
      return absl::InvalidArgumentError(
          absl::StrCat(source, " has no column ", Quoted(entry.column), " for ", entry.field,
                       nearest.empty() ? "" : absl::StrCat("; did you mean ", Quoted(nearest), "?"),
                       " Its columns: ", ColumnList(header)));
    }
    mapping.columns.push_back({entry.field, *column});
    if (entry.field.rfind("loss_", 0) == 0) mapping.advice = SmoothLossAdvice(entry.column, header);
  }
  return mapping;
}

}  // namespace

absl::StatusOr<FieldMapping> ParseFieldMapping(const std::string& text, const std::string& flag,
                                               const std::vector<std::string>& variables) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " ", Quoted(text),
                     " is not FIELD=", flag == "--map" ? "COLUMN, as in --map learning_rate=lr" : "VALUE"));
  }
  FieldMapping mapping{text.substr(0, equals), text.substr(equals + 1)};
  const bool declared = std::find(variables.begin(), variables.end(), mapping.field) != variables.end();
  if (!IsFieldName(mapping.field) && !declared) {
    std::vector<std::string> names = FieldNames();
    names.insert(names.end(), variables.begin(), variables.end());
    const std::string nearest = Nearest(mapping.field, names);
    std::string known;
    for (const std::string& name : names) absl::StrAppend(&known, known.empty() ? "" : ", ", name);
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": there is no field ", Quoted(mapping.field),
                     nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"), " Fields: ", known,
                     ". What a study declares (--variable, --objective) is mapped so too"));
  }
  return mapping;
}

absl::StatusOr<BoundMapping> BindMapping(const std::vector<FieldMapping>& map,
                                         const std::vector<std::string>& header, const ImportedRun& given,
                                         const std::string& source,
                                         const std::vector<std::string>& variables) {
  BoundMapping mapping;
  if (!map.empty()) {
    auto bound = BindExplicit(map, header, source);
    if (!bound.ok()) return bound.status();
    mapping = *std::move(bound);
  } else {
    for (const NumberField& field : NumberFields()) BindByName(field.name, field.aliases, header, &mapping);
    for (const TextField& field : TextFields()) BindByName(field.name, field.aliases, header, &mapping);
    for (const std::string& variable : variables) BindByName(variable, {}, header, &mapping);
    // Losses of different tokenizers cannot be compared: fits tell them apart by this tag.
    if (!FindColumn(header, "tags.tokenizer")) BindByName("tags.tokenizer", {"tokenizer"}, header, &mapping);
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i].compare(0, 5, "tags.") == 0 && header[i].size() > 5)
        mapping.columns.push_back({header[i], i});
    }
  }
  if (!variables.empty()) return mapping;
  std::string missing;
  const bool params_given = given.params_non_embedding || given.params_total || given.params_active ||
                            given.params_non_input_embedding;
  if (!params_given && !HasField(mapping, "params_"))
    missing = "--map params_non_embedding=COLUMN (or params_total=COLUMN)";
  const bool countable = (given.steps || HasField(mapping, "steps")) &&
                         (given.batch_size_tokens || HasField(mapping, "batch_size_tokens"));
  if (!given.tokens && !HasField(mapping, "tokens") && !countable) {
    absl::StrAppend(&missing, missing.empty() ? "" : " and ",
                    "--map tokens=COLUMN (or both steps and batch_size_tokens, whose product it is)");
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("every run needs its parameters and its tokens: add ",
                                                   missing, ". Columns of ", source, ": ",
                                                   ColumnList(header)));
  }
  return mapping;
}

}  // namespace sextant::importers
