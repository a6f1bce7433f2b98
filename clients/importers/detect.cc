#include "clients/importers/detect.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/importers/csv.h"
#include "clients/importers/json.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/record_stream.h"
#include "clients/importers/log/wire.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::string_view kWandbMagic("\x3A\x57\x26\x42\xE1\xBE\x00", 7);
constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool IsTfRecord(std::string_view head) {
  return head.size() >= 12 &&
         MaskedCrc32c(head.substr(0, 8)) == WireReader::Load<std::uint32_t>(head.substr(8));
}

// What reads a compressed file out, or null. Nothing is unpacked here: its size has no bound.
const char* Compressor(std::string_view head) {
  static constexpr std::pair<std::string_view, const char*> kMagics[] = {{"\x1F\x8B", "zcat"},
                                                                         {"\x28\xB5\x2F\xFD", "zstdcat"},
                                                                         {"\xFD"
                                                                          "7zXZ",
                                                                          "xzcat"},
                                                                         {"BZh", "bzcat"},
                                                                         {"PK\x03\x04", "unzip -p"}};
  for (const auto& [magic, program] : kMagics) {
    if (head.substr(0, magic.size()) == magic) return program;
  }
  return nullptr;
}

Detection DetectJson(std::string_view text, bool mapped) {
  if (Has(text, "\"log_history\"")) return {"trainer-state", "a JSON object with log_history"};
  const std::string_view line = Trim(text.substr(0, text.find('\n')));
  // Keys of a line too long for the head are looked for as text.
  const auto has_key = [&](const char* key) { return Has(line, "\"" + std::string(key) + "\""); };
  if (!mapped && has_key("config") && has_key("summary"))
    return {"tracker-metrics", "JSON with config and summary"};
  bool step = false;
  for (const char* key : {"_step", "step", "global_step", "training_iteration", "iteration", "iter"})
    step |= has_key(key);
  const bool run = Has(line, "\"params_") || Has(line, "\"params") || has_key("curve");
  if (step && !run) return {"history-jsonl", "JSON lines with a step"};
  return {"jsonl", "JSON lines of runs", run};
}

// What a line of a text log looks like, or null.
const char* LogFormat(std::string_view line) {
  if (line.substr(0, 2) == "s:" && (Has(line, " tel:") || Has(line, " trl:") || Has(line, " eval:")))
    return "llmc-log";
  if (line.substr(0, 5) == "step " && Has(line, "/") && Has(line, "| loss ")) return "llmc-output";
  // Not the programs' sources, where a call stands before and no number behind.
  if (line.substr(0, 20) == "| sequence length T ") return "llmc-output";
  if (NumberAfter(line, "tokens per iteration will be:")) return "nanogpt";
  if (line.substr(0, 5) == "iter " && Has(line, ": loss ") && Has(line, ", time ")) return "nanogpt";
  if (line.substr(0, 5) == "step " && Has(line, ": train loss ") && Has(line, ", val loss "))
    return "nanogpt";
  if (Has(line, "iter") && Has(line, " | ") && (Has(line, "lm loss") || Has(line, "consumed samples")))
    return "megatron";
  return nullptr;
}

Detection DetectTable(std::string_view header_line, bool mapped) {
  const char delimiter = DetectDelimiter(header_line);
  std::vector<std::string> header;
  while (true) {
    const std::size_t end = std::min(header_line.find(delimiter), header_line.size());
    std::string_view cell = Trim(header_line.substr(0, end));
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    header.emplace_back(cell);
    if (end == header_line.size()) break;
    header_line.remove_prefix(end + 1);
  }
  const auto has = [&](const char* name) {
    return std::find(header.begin(), header.end(), name) != header.end();
  };
  if (mapped) return {"csv", "a table with mapped columns"};
  const bool params = std::any_of(header.begin(), header.end(),
                                  [](const std::string& name) { return name.rfind("params_", 0) == 0; });
  if (!params && has("lr") && has("bs") && has("ti") && has("N"))
    return {"steplaw", "a header with lr, bs, ti and N"};
  const bool chart = std::any_of(header.begin(), header.end(), [](const std::string& name) {
    return name.size() > 5 && name.compare(name.size() - 5, 5, "__MIN") == 0;
  });
  if (chart) return {"wandb-chart", "a header with __MIN and __MAX columns"};
  if (!params && (has("step") || has("_step") || has("global_step")))
    return {"step-csv", "a header with a step column"};
  // A table of runs has at least two of these; any other table could be anything.
  const int marks = (params ? 1 : 0) + (has("tokens") ? 1 : 0) + (has("run_id") ? 1 : 0) +
                    (has("Name") && has("State") ? 2 : 0) +
                    (has("loss") || has("loss_nats") || has("val_loss") ? 1 : 0);
  return {"csv", "a header with columns", marks >= 2};
}

}  // namespace

Detection DetectFormat(std::string_view head, bool mapped) {
  if (head.substr(0, kWandbMagic.size()) == kWandbMagic) return {"wandb", "begins as a W&B transaction log"};
  if (head.substr(0, kSqliteMagic.size()) == kSqliteMagic)
    return {kSqliteFormat, "begins as a SQLite database"};
  if (IsTfRecord(head)) return {"tensorboard", "its first record has the checksum of an event file"};
  const std::string_view text = Trim(WithoutByteOrderMark(head));
  if (text.empty()) return {"", "it is empty"};
  if (const char* program = Compressor(head))
    return {"", absl::StrCat("it is compressed: pipe `", program, " FILE` into `sextant runs import -`")};
  if (head.substr(0, 2) == "\xFF\xFE" || head.substr(0, 2) == "\xFE\xFF")
    return {"", "it is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`"};
  if (Has(text, std::string_view("\0", 1))) return {"", "it holds binary data"};
  if (text.front() == '[' && Trim(text.substr(1)).substr(0, 1) == "{")
    return {"", "it is a JSON array: `jq -c '.[]' FILE` makes lines of it"};
  if (text.front() == '{') return DetectJson(text, mapped);
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (const char* format = LogFormat(Trim(rest.substr(0, end))))
      return {format, "its lines are those of such a log"};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.find_first_of(",;\t") != std::string_view::npos) return DetectTable(first, mapped);
  return {"", "its first line is neither a table's header nor a JSON object nor a line of a known log"};
}

}  // namespace sextant::importers
