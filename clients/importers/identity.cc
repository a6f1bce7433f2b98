#include "clients/importers/identity.h"

#include <openssl/evp.h>

#include "clients/importers/fields.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

bool IsRunIdChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._~+=:@-").find(c) != std::string_view::npos;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::Add(std::string_view bytes) { EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

std::string Sha256::Digest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(state_->context, digest, &length);
  return std::string(reinterpret_cast<const char*>(digest), length);
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return Hex(hash.Digest());
}

bool IsRunId(std::string_view id) {
  if (id.empty() || id.size() > kMaxRunIdBytes) return false;
  for (const char c : id) {
    if (!IsRunIdChar(c)) return false;
  }
  return true;
}

void SetRunId(std::string_view name, ImportedRun* run) {
  if (IsRunId(name)) {
    run->run_id = std::string(name);
    return;
  }
  constexpr std::size_t kDigestDigits = 8;
  std::string id;
  for (const char c : name.substr(0, kMaxRunIdBytes - kDigestDigits - 1)) id += IsRunIdChar(c) ? c : '-';
  run->run_id = id + "-" + Sha256Hex(name).substr(0, kDigestDigits);
  run->tags["run_name"] = std::string(name);
}

std::string DerivedRunId(const ImportedRun& run) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    // Lengths keep "a=b" with "c" apart from "a" with "b=c".
    text.append(key).append("=").append(std::to_string(value.size())).append(":").append(value).append("\n");
  };
  for (const NumberField& field : NumberFields()) {
    const std::optional<double>& value = run.*(field.member);
    if (value) add(field.name, FormatRoundTrip(*value));
  }
  if (!run.schedule.empty()) add("schedule", run.schedule);
  if (!run.optimizer.empty()) add("optimizer", run.optimizer);
  if (run.seed) add("seed", std::to_string(*run.seed));
  if (run.state != ImportedState::kUnspecified) add("state", std::to_string(static_cast<int>(run.state)));
  for (const auto& [key, value] : run.tags) add("tags." + key, value);
  for (const std::string& label : run.labels) add("label", label);
  return "r-" + Sha256Hex(text).substr(0, 20);
}

}  // namespace sextant::importers
