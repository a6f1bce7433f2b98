// SPDX-License-Identifier: Apache-2.0
// A run of a fuzz target without libFuzzer: every seed file as it is, then mutations of the seeds. usage:
//   TARGET ROUNDS [FILE OR FOLDER]…        so many, from a fixed sequence of random numbers
//   TARGET SECONDSs [FILE OR FOLDER]…      for so long ("600s"); what reaches code that nothing reached
//   before
//                                          becomes a seed, where the code tells
//                                          (-fsanitize-coverage=trace-pc)
// With SEXTANT_FUZZ_KEEP=FILE each input is written there before it runs: after a crash it is the culprit.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxBytes = 1 << 20, kMaxSeeds = 20'000;
constexpr unsigned kMostSeconds = 25;     // of one input
constexpr long kMostKilobytes = 2 << 20;  // of the process

// One bit of the map for each place in the code, by its address.
constexpr std::size_t kPlaces = 1 << 20;
std::uint8_t places_seen[kPlaces];
std::size_t places_count = 0;

void AddSeeds(const std::filesystem::path& path, std::vector<std::string>& seeds) {
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) AddSeeds(entry.path(), seeds);
    }
    return;
  }
  std::ifstream file(path, std::ios::binary);
  seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// One of: another byte, a bit, a piece doubled, a piece left out, a piece of another seed, the end cut off.
void Mutate(std::string& text, const std::vector<std::string>& seeds, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random() % n); };
  const std::size_t at = below(text.size() + 1), length = below(64);
  switch (below(6)) {
    case 0:
      text.insert(at, 1, static_cast<char>(random()));
      break;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      break;
    case 2:
      text.insert(at, text.substr(at, length));
      break;
    case 3:
      text.erase(at, length);
      break;
    case 4: {
      const std::string& other = seeds[below(seeds.size())];
      text.insert(at, other.substr(below(other.size() + 1), length));
      break;
    }
    default:
      text.resize(at);
  }
}

void TooSlow(int) {
  constexpr std::string_view kWords = "an input takes too long\n";
  if (write(STDERR_FILENO, kWords.data(), kWords.size()) >= 0) abort();
}

void Run(const std::string& text) {
  static const char* const keep = std::getenv("SEXTANT_FUZZ_KEEP");
  if (keep != nullptr) std::ofstream(keep, std::ios::binary | std::ios::trunc) << text;
  alarm(kMostSeconds);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  alarm(0);
}

// True when the input reached code that nothing had reached.
bool Reaches(const std::string& text) {
  const std::size_t before = places_count;
  Run(text);
  return places_count > before;
}

void CheckMemory() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > kMostKilobytes) {
    std::fprintf(stderr, "%ld MB of memory\n", usage.ru_maxrss >> 10);
    std::abort();
  }
}

std::string Mutant(const std::vector<std::string>& seeds, std::mt19937_64& random) {
  // Half of the time one of the latest: what they reached is the least explored.
  const std::size_t latest = std::min<std::size_t>(seeds.size(), 64);
  const std::size_t at = random() % 2 == 0 ? random() % seeds.size() : seeds.size() - 1 - random() % latest;
  std::string text = seeds[at];
  for (std::uint64_t changes = 1 + random() % 8; changes > 0; --changes) Mutate(text, seeds, random);
  return text;
}

void RunFor(std::chrono::seconds time, std::vector<std::string> seeds) {
  const auto end = std::chrono::steady_clock::now() + time;
  std::mt19937_64 random(std::random_device{}());
  const std::size_t given = seeds.size();
  long inputs = 0;
  while (std::chrono::steady_clock::now() < end) {
    std::string text = Mutant(seeds, random);
    if (text.size() > kMaxBytes) continue;
    ++inputs;
    if (Reaches(text) && seeds.size() < kMaxSeeds) seeds.push_back(std::move(text));
    if (inputs % 1024 == 0) CheckMemory();
  }
  std::printf("%zu seeds, %ld inputs, %zu of them new seeds, %zu places in the code\n", given, inputs,
              seeds.size() - given, places_count);
}

}  // namespace

// What GCC calls at every branch of code that is compiled with -fsanitize-coverage=trace-pc.
extern "C" {
void __sanitizer_cov_trace_pc();
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((no_sanitize_coverage))
#endif
void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::uint8_t& seen = places_seen[(place ^ (place >> 20)) % kPlaces];
  if (seen != 0) return;
  seen = 1;
  ++places_count;
}
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  signal(SIGALRM, TooSlow);
  char* unit = nullptr;
  const long amount = std::strtol(argv[1], &unit, 10);
  std::vector<std::string> seeds = {""};
  for (int i = 2; i < argc; ++i) AddSeeds(argv[i], seeds);
  for (const std::string& seed : seeds) Run(seed);
  if (*unit == 's') {
    RunFor(std::chrono::seconds(amount), std::move(seeds));
    return 0;
  }
  std::mt19937_64 random(1);
  for (long round = 0; round < amount; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::uint64_t changes = 1 + random() % 8; changes > 0; --changes) Mutate(text, seeds, random);
    if (text.size() <= kMaxBytes) Run(text);
  }
  std::printf("%zu seeds, %ld mutations\n", seeds.size(), amount);
  return 0;
}
