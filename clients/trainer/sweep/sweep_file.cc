// SPDX-License-Identifier: Apache-2.0
// The sweep file: TOML tables data, model, optimizer, schedule, curve and any of [[grid]] and [[trunk]].
#include <absl/strings/str_cat.h>
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "clients/trainer/sweep/grid.h"

namespace sextant::trainer {

absl::StatusOr<Sweep> ParseSweep(const std::string& text, const std::string& source) {
  auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", what));
  };
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return refuse(absl::StrCat("line ", error.source().begin.line, ": ", std::string(error.description())));
  }
  Sweep sweep;
  Defaults defaults;
  TomlTable top(&root, "");
  top.Text("name", &sweep.name);
  if (sweep.name.empty()) top.Fail("name", "is missing");
  std::string error;
  auto table = [&](const char* key) {
    const toml::node* node = top.Find(key);
    if (node != nullptr && !node->is_table()) top.Fail(key, "must be a table");
    return TomlTable(node == nullptr ? nullptr : node->as_table(), key);
  };
  auto close = [&](TomlTable* part) {
    if (error.empty()) error = part->Error();
  };

  TomlTable data = table("data"), model = table("model"), optimizer = table("optimizer");
  TomlTable schedule = table("schedule"), curve = table("curve");
  const toml::node* grids = top.Find("grid");
  const toml::node* trunks = top.Find("trunk");
  if (grids == nullptr && trunks == nullptr)
    top.Fail("grid", "is missing: name runs in [[grid]] or [[trunk]] tables");
  close(&top);

  data.Text("tokens", &sweep.data.tokens_path);
  data.Text("bytes", &sweep.data.bytes_path);
  data.Integer("limit_bytes", 1, 1e15, &sweep.data.limit_bytes);
  data.Integer("validation_tokens", 1, 1e12, &sweep.data.validation_tokens);
  data.Integer("validation_windows", 1, 1e9, &sweep.data.validation_windows);
  if (sweep.data.tokens_path.empty() == sweep.data.bytes_path.empty()) {
    data.Fail("tokens", sweep.data.tokens_path.empty() ? "or data.bytes is missing: name the file to train on"
                                                       : "and data.bytes are both given; name one");
  }
  if (sweep.data.validation_tokens == 0) data.Fail("validation_tokens", "is missing");
  close(&data);

  model.Integer("sequence_length", 2, 4096, &defaults.sequence_length);
  if (defaults.sequence_length == 0) model.Fail("sequence_length", "is missing");
  close(&model);

  optimizer.Number("beta1", 0, 0.9999999, &sweep.beta1);
  optimizer.Number("beta2", 0, 0.9999999, &sweep.beta2);
  optimizer.Number("epsilon", 0, 1, &sweep.epsilon);
  optimizer.Number("clip_norm", 1e-6, 1e30, &sweep.clip_norm);
  close(&optimizer);

  ReadSchedule(&schedule, &defaults);
  close(&schedule);

  curve.Integer("points", 1, 10000, &sweep.curve.points);
  curve.Integer("validation_points", 1, 1000, &sweep.curve.validation_points);
  curve.Integer("noise_points", 0, 1000, &sweep.curve.noise_points);
  curve.Integer("noise_batches", 1, 64, &sweep.curve.noise_batches);
  close(&curve);
  if (!error.empty()) return refuse(error);
  std::set<std::string> ids;
  for (auto [node, name, read] :
       {std::tuple{grids, "grid", &ReadGrid}, std::tuple{trunks, "trunk", &ReadTrunk}}) {
    if (node == nullptr) continue;
    const toml::array* list = node->as_array();
    if (list == nullptr || list->empty()) return refuse(absl::StrCat(name, " must be an array of tables"));
    for (const toml::node& item : *list) {
      if (!item.is_table()) return refuse(absl::StrCat(name, " must be an array of tables"));
      error = read(TomlTable(item.as_table(), name), defaults, &ids, &sweep);
      if (!error.empty()) return refuse(error);
    }
  }
  return sweep;
}

absl::StatusOr<Sweep> ReadSweepFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::error_code unknown;
  if (!in || std::filesystem::is_directory(path, unknown)) {
    return absl::NotFoundError(absl::StrCat(path, in ? ": is a folder" : ": cannot be opened"));
  }
  constexpr size_t kMaxBytes = 1 << 20;
  std::string text(kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMaxBytes) return absl::InvalidArgumentError(absl::StrCat(path, ": longer than 1 MiB"));
  return ParseSweep(text, path);
}

}  // namespace sextant::trainer
