// SPDX-License-Identifier: Apache-2.0
// A short run of a fuzz target without libFuzzer: every seed file as it is, then mutations of the seeds from
// a fixed sequence of random numbers. usage: TARGET ROUNDS [FILE OR FOLDER]…
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

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

void Run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const long rounds = std::strtol(argv[1], nullptr, 10);
  std::vector<std::string> seeds = {""};
  for (int i = 2; i < argc; ++i) AddSeeds(argv[i], seeds);
  for (const std::string& seed : seeds) Run(seed);
  std::mt19937_64 random(1);
  for (long round = 0; round < rounds; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::uint64_t changes = 1 + random() % 8; changes > 0; --changes) Mutate(text, seeds, random);
    if (text.size() <= kMaxBytes) Run(text);
  }
  std::printf("%zu seeds, %ld mutations\n", seeds.size(), rounds);
  return 0;
}
