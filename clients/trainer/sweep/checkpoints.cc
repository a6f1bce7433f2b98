// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/checkpoints.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/status_macros.h"
#include "base/whole_file.h"

namespace sextant::trainer {
namespace {

// The file: these 8 bytes, then the identity, the step and the runs, each text and list behind its length as
// a u64, and a checksum over all before it. Numbers are little-endian, as on every machine this is built for.
constexpr char kCheckpointMagic[] = "SXTRUNK1";

constexpr uint64_t kFnvStart = 0xcbf29ce484222325ULL;
// FNV-1a, eight bytes at a time: it is to find damage and to name files, not to stop forgery.
uint64_t Fnv(uint64_t hash, const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  for (; bytes > 0;) {
    uint64_t word = 0;
    const size_t count = std::min<size_t>(bytes, sizeof(word));
    std::memcpy(&word, at, count);
    hash = (hash ^ word) * 0x100000001b3ULL;
    hash ^= hash >> 29;
    at += count;
    bytes -= count;
  }
  return hash;
}

class StateWriter {
 public:
  explicit StateWriter(WholeFile* file) : file_(file) {}
  void Bytes(const void* data, size_t bytes) {
    hash_ = Fnv(hash_, data, bytes);
    file_->Write({static_cast<const char*>(data), bytes});
  }
  template <typename T>
  void Value(T value) {
    Bytes(&value, sizeof(value));
  }
  template <typename List>
  void Items(const List& items) {
    Value<uint64_t>(items.size());
    Bytes(items.data(), items.size() * sizeof(items[0]));
  }
  void By(const Measured& measured) {
    Value<uint64_t>(measured.size());
    for (const auto& [step, values] : measured) {
      Value(step);
      Items(values);
    }
  }
  uint64_t hash() const { return hash_; }

 private:
  WholeFile* file_;
  uint64_t hash_ = kFnvStart;
};

// Mirrors the writer. After the first thing that cannot be, everything reads as empty.
class StateReader {
 public:
  StateReader(std::ifstream* in, uint64_t size) : in_(in), left_(size) {}
  void Bytes(void* data, size_t bytes) {
    if (bytes > left_) good_ = false;
    if (!good_) return;
    in_->read(static_cast<char*>(data), static_cast<std::streamsize>(bytes));
    left_ -= bytes;
    good_ = in_->good();
    hash_ = Fnv(hash_, data, bytes);
  }
  template <typename T>
  T Value() {
    T value{};
    Bytes(&value, sizeof(value));
    return value;
  }
  template <typename List>
  List Items() {
    List items;
    const auto count = Value<uint64_t>();
    if (count > left_ / sizeof(items[0])) good_ = false;
    if (!good_) return items;
    items.resize(count);
    Bytes(items.data(), count * sizeof(items[0]));
    return items;
  }
  Measured By() {
    Measured measured;
    for (auto count = Value<uint64_t>(); good_ && count > 0; --count) {
      const auto step = Value<int64_t>();
      measured[step] = Items<std::vector<double>>();
    }
    return measured;
  }
  bool good() const { return good_; }
  uint64_t left() const { return left_; }
  uint64_t hash() const { return hash_; }

 private:
  std::ifstream* in_;
  uint64_t left_;
  uint64_t hash_ = kFnvStart;
  bool good_ = true;
};

Checkpoint ReadState(StateReader* in) {
  Checkpoint checkpoint;
  checkpoint.snapshot.step = in->Value<int64_t>();
  for (auto count = in->Value<uint64_t>(); in->good() && count > 0; --count) {
    RunSnapshot run;
    run.diverged = in->Value<uint64_t>() != 0;
    for (std::vector<float>* values :
         {&run.weights, &run.first_moment, &run.second_moment, &run.log.train_loss, &run.log.gradient_norm})
      *values = in->Items<std::vector<float>>();
    checkpoint.snapshot.runs.push_back(std::move(run));
  }
  checkpoint.validation = in->By();
  checkpoint.noise = in->By();
  return checkpoint;
}

}  // namespace

std::string TrunkIdentity(const Sweep& sweep, const Pack& trunks, const TokenSet& tokens,
                          const std::string& device) {
  const RunSpec& first = trunks.runs.front();
  std::string text = absl::StrFormat(
      "d%d L%d f%d v%d T%d batch %d warmup %d beta %.17g %.17g epsilon %.17g clip %.17g\n"
      "tokens %016x train %d validation %d of %d\ndevice %s\n",
      first.shape.d_model, first.shape.layers, first.shape.ffn_hidden, first.shape.vocab,
      first.shape.sequence_length, first.batch_sequences, first.schedule.warmup_steps, sweep.beta1,
      sweep.beta2, sweep.epsilon, sweep.clip_norm,
      Fnv(kFnvStart, tokens.tokens.data(), tokens.tokens.size() * sizeof(tokens.tokens[0])),
      tokens.train_tokens(), sweep.data.validation_windows, tokens.validation_tokens, device);
  for (const RunSpec& run : trunks.runs) {
    absl::StrAppendFormat(&text, "rate %.17g decay %.17g seeds %d %d\n", run.settings.learning_rate,
                          run.settings.weight_decay, run.settings.seed, run.settings.data_seed);
  }
  return text;
}

absl::StatusOr<Checkpoints> Checkpoints::Open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error) || access(folder.c_str(), W_OK) != 0) {
    return absl::UnavailableError(absl::StrCat(folder,
                                               ": no folder that can be written to; --checkpoints names "
                                               "where the state of trunks is kept"));
  }
  return Checkpoints(folder);
}

std::string Checkpoints::Path(const std::string& identity, int64_t step) const {
  return absl::StrFormat("%s/%016x-%d.trunk", folder_, Fnv(kFnvStart, identity.data(), identity.size()),
                         step);
}

bool Checkpoints::Holds(const std::string& identity, int64_t step) const {
  std::error_code error;
  return std::filesystem::is_regular_file(Path(identity, step), error);
}

absl::Status Checkpoints::Write(const std::string& identity, const Checkpoint& checkpoint) const {
  const std::string path = Path(identity, checkpoint.snapshot.step);
  WholeFile file(path, Existing::kReplace);
  StateWriter out(&file);
  out.Bytes(kCheckpointMagic, 8);
  out.Items(identity);
  out.Value(checkpoint.snapshot.step);
  out.Value<uint64_t>(checkpoint.snapshot.runs.size());
  for (const RunSnapshot& run : checkpoint.snapshot.runs) {
    out.Value<uint64_t>(run.diverged ? 1 : 0);
    for (const std::vector<float>* values :
         {&run.weights, &run.first_moment, &run.second_moment, &run.log.train_loss, &run.log.gradient_norm})
      out.Items(*values);
  }
  out.By(checkpoint.validation);
  out.By(checkpoint.noise);
  out.Value(out.hash());
  if (file.Publish()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", std::strerror(file.error())));
}

absl::StatusOr<Checkpoint> Checkpoints::Read(const std::string& identity, int64_t step) const {
  const std::string path = Path(identity, step);
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  std::ifstream file(path, std::ios::binary);
  StateReader in(&file, size);
  char magic[8] = {};
  in.Bytes(magic, sizeof(magic));
  const auto written_for = in.Items<std::string>();
  Checkpoint checkpoint = ReadState(&in);
  const uint64_t hash = in.hash();
  if (!in.good() || std::memcmp(magic, kCheckpointMagic, sizeof(magic)) != 0 || in.left() != sizeof(hash) ||
      in.Value<uint64_t>() != hash || checkpoint.snapshot.step != step) {
    return absl::DataLossError(absl::StrCat(path, ": damaged; delete it, and its trunk is trained again"));
  }
  if (written_for != identity) {
    return absl::DataLossError(
        absl::StrCat(path, ": of other trunks; name another folder with --checkpoints"));
  }
  return checkpoint;
}

}  // namespace sextant::trainer
