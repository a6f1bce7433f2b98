// SPDX-License-Identifier: Apache-2.0
// The sweep file: TOML tables data, model, optimizer, schedule, curve and one or more [[grid]].
#include <absl/strings/str_cat.h>
#include <toml++/toml.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>

#include "clients/trainer/sweep/spec.h"

namespace sextant::trainer {
namespace {

// Reads a table's keys, remembers the first thing wrong, and refuses keys that nothing asked for.
class Table {
 public:
  Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

  void Number(const char* key, double low, double high, double* value) {
    if (const toml::node* node = Find(key); node != nullptr) *value = ToNumber(*node, key, low, high);
  }
  template <typename Int>
  void Integer(const char* key, double low, double high, Int* value) {
    double number = static_cast<double>(*value);
    Number(key, low, high, &number);
    if (number != std::floor(number)) Fail(key, "must be a whole number");
    *value = static_cast<Int>(number);
  }
  void Text(const char* key, std::string* value) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    if (!node->is_string()) return Fail(key, "must be text");
    *value = *node->value<std::string>();
  }
  // A number or a non-empty list of numbers; `fallback` when absent, an error when that is empty too.
  std::vector<double> Numbers(const char* key, double low, double high, std::vector<double> fallback) {
    const toml::node* node = Find(key);
    if (node == nullptr) {
      if (fallback.empty()) Fail(key, "is missing");
      return fallback;
    }
    std::vector<double> values;
    if (const toml::array* list = node->as_array(); list != nullptr) {
      for (const toml::node& item : *list) values.push_back(ToNumber(item, key, low, high));
    } else {
      values.push_back(ToNumber(*node, key, low, high));
    }
    if (values.empty()) Fail(key, "must not be empty");
    return values;
  }
  const toml::node* Find(const char* key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  void Fail(const std::string& key, const std::string& rule) {
    if (error_.empty()) error_ = absl::StrCat(name_, name_.empty() ? "" : ".", key, " ", rule);
  }
  // A key that nothing asked for, because a misspelt one also seems to be missing; else the first error.
  std::string Error() {
    if (table_ == nullptr) return error_;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(std::string(key.str()))) continue;
      error_.clear();
      Fail(std::string(key.str()), "is not a key of this table");
      break;
    }
    return error_;
  }

 private:
  double ToNumber(const toml::node& node, const char* key, double low, double high) {
    const std::optional<double> number = node.is_number() ? node.value<double>() : std::nullopt;
    if (!number || !(*number >= low && *number <= high)) {
      Fail(key, absl::StrCat("must be a number from ", low, " to ", high));
      return low;
    }
    return *number;
  }

  const toml::table* table_;
  std::string name_;
  std::set<std::string> known_;
  std::string error_;
};

struct Defaults {
  int sequence_length = 0;
  ScheduleKind kind = ScheduleKind::kCosine;
  double warmup_fraction = 0.04;
  double decay_fraction = 0.2;
  double final_fraction = 0;
};

void ReadSchedule(Table* table, Defaults* defaults) {
  std::string kind = "cosine";
  table->Text("kind", &kind);
  if (kind == "linear") {
    defaults->kind = ScheduleKind::kLinear;
  } else if (kind == "wsd") {
    defaults->kind = ScheduleKind::kWsd;
  } else if (kind != "cosine") {
    table->Fail("kind", "must be cosine, linear or wsd");
  }
  table->Number("warmup_fraction", 0, 1, &defaults->warmup_fraction);
  table->Number("decay_fraction", 0, 1, &defaults->decay_fraction);
  table->Number("final_fraction", 0, 1, &defaults->final_fraction);
}

std::vector<ModelShape> ReadSizes(Table* grid, int sequence_length, std::string* error) {
  std::vector<ModelShape> shapes;
  const toml::node* node = grid->Find("sizes");
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  if (list == nullptr || list->empty()) {
    grid->Fail("sizes", "must be a list of tables like {d_model = 128, layers = 4}");
    return shapes;
  }
  for (const toml::node& item : *list) {
    Table size(item.as_table(), "grid.sizes");
    ModelShape shape{0, 0, 0, 8, sequence_length};
    size.Integer("d_model", 1, 1e6, &shape.d_model);
    size.Integer("layers", 1, 1e6, &shape.layers);
    size.Integer("ffn_hidden", 1, 1e6, &shape.ffn_hidden);
    if (shape.ffn_hidden == 0) shape.ffn_hidden = DefaultFfnHidden(shape.d_model);
    if (*error = size.Error(); !error->empty()) return shapes;
    if (absl::Status status = Validate(shape); !status.ok()) {
      *error = absl::StrCat("grid.sizes: ", std::string(status.message()));
      return shapes;
    }
    shapes.push_back(shape);
  }
  return shapes;
}

Schedule MakeSchedule(const Defaults& defaults, int64_t steps) {
  Schedule schedule;
  schedule.kind = defaults.kind;
  schedule.steps = steps;
  schedule.warmup_steps =
      std::max<int64_t>(1, static_cast<int64_t>(defaults.warmup_fraction * static_cast<double>(steps)));
  if (defaults.kind == ScheduleKind::kWsd) {
    schedule.decay_steps =
        std::min(steps - schedule.warmup_steps,
                 static_cast<int64_t>(defaults.decay_fraction * static_cast<double>(steps)));
  }
  schedule.final_fraction = defaults.final_fraction;
  return schedule;
}

// Adds the grid's cross product to the sweep; returns what is wrong with it.
std::string ReadGrid(Table grid, const Defaults& defaults, std::set<std::string>* ids, Sweep* sweep) {
  std::string error;
  const std::vector<ModelShape> shapes = ReadSizes(&grid, defaults.sequence_length, &error);
  const std::vector<double> tokens = grid.Numbers("tokens", 1, 1e15, {});
  const std::vector<double> batches = grid.Numbers("batch_size_tokens", 1, 1 << 26, {});
  const std::vector<double> rates = grid.Numbers("learning_rates", 1e-12, 1e6, {});
  const std::vector<double> decays = grid.Numbers("weight_decays", 0, 1e3, {0.1});
  const std::vector<double> seeds = grid.Numbers("seeds", 0, 1e15, {1});
  const std::vector<double> data_seeds = grid.Numbers("data_seeds", 0, 1e15, {1});
  if (error.empty()) error = grid.Error();
  if (!error.empty()) return error;
  const double count = static_cast<double>(shapes.size() * tokens.size() * batches.size() * rates.size()) *
                       static_cast<double>(decays.size() * seeds.size() * data_seeds.size());
  if (count + static_cast<double>(sweep->runs.size()) > kMaxRuns) {
    return absl::StrCat("the grids name more than ", kMaxRuns, " runs");
  }
  RunSpec run;
  for (const ModelShape& shape : shapes) {
    run.shape = shape;
    for (const double batch : batches) {
      run.batch_sequences = static_cast<int>(batch) / shape.sequence_length;
      if (run.batch_sequences < 1 || static_cast<double>(run.batch_size_tokens()) != batch) {
        return absl::StrCat("grid.batch_size_tokens ", batch, " is not a multiple of the sequence length ",
                            shape.sequence_length);
      }
      for (const double horizon : tokens) {
        const auto steps = static_cast<int64_t>(horizon / batch);
        if (steps < 2) return absl::StrCat("grid.tokens ", horizon, " is fewer than two batches of ", batch);
        run.schedule = MakeSchedule(defaults, steps);
        for (const double rate : rates) {
          for (const double decay : decays) {
            for (const double seed : seeds) {
              for (const double data_seed : data_seeds) {
                run.settings = {rate, decay, static_cast<uint64_t>(seed), static_cast<uint64_t>(data_seed)};
                run.run_id = MakeRunId(run);
                if (ids->insert(run.run_id).second) sweep->runs.push_back(run);
              }
            }
          }
        }
      }
    }
  }
  return "";
}

}  // namespace

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
  Table top(&root, "");
  top.Text("name", &sweep.name);
  if (sweep.name.empty()) top.Fail("name", "is missing");
  std::string error;
  auto table = [&](const char* key) {
    const toml::node* node = top.Find(key);
    if (node != nullptr && !node->is_table()) top.Fail(key, "must be a table");
    return Table(node == nullptr ? nullptr : node->as_table(), key);
  };
  auto close = [&](Table* part) {
    if (error.empty()) error = part->Error();
  };

  Table data = table("data"), model = table("model"), optimizer = table("optimizer");
  Table schedule = table("schedule"), curve = table("curve");
  const toml::node* grids = top.Find("grid");
  const toml::array* list = grids == nullptr ? nullptr : grids->as_array();
  if (list == nullptr || list->empty()) top.Fail("grid", "is missing: name runs in [[grid]] tables");
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
  for (const toml::node& grid : *list) {
    if (!grid.is_table()) return refuse("grid must be an array of tables");
    error = ReadGrid(Table(grid.as_table(), "grid"), defaults, &ids, &sweep);
    if (!error.empty()) return refuse(error);
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
