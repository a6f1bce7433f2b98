// SPDX-License-Identifier: Apache-2.0
// sextant-train tokens: learn a tokenizer, encode text, look into a token file.
#include <absl/strings/str_cat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/status_macros.h"
#include "clients/trainer/commands/commands.h"
#include "clients/trainer/tokens/bpe.h"
#include "clients/trainer/tokens/token_file.h"

namespace sextant::trainer {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& path, double limit_bytes) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  auto size = static_cast<int64_t>(in.tellg());
  if (limit_bytes > 0) size = std::min(size, static_cast<int64_t>(limit_bytes));
  if (size < 1) return absl::InvalidArgumentError(absl::StrCat(path, ": empty"));
  std::string text(static_cast<size_t>(size), '\0');
  in.seekg(0);
  in.read(text.data(), size);
  if (!in) return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  return text;
}

absl::Status Train(const std::string& path, double limit_bytes, int vocab, const std::string& out) {
  ASSIGN_OR_RETURN(std::string text, ReadText(path, limit_bytes));
  ASSIGN_OR_RETURN(Bpe bpe, TrainBpe(text, vocab));
  return WriteBpe(out, bpe);
}

absl::Status EncodeFile(const std::string& path, double limit_bytes, const std::string& tokenizer,
                        const std::string& out) {
  ASSIGN_OR_RETURN(std::string text, ReadText(path, limit_bytes));
  Bpe bpe;  // without merges a token is a byte
  if (tokenizer != "bytes") {
    ASSIGN_OR_RETURN(Bpe read, ReadBpe(tokenizer));
    bpe = std::move(read);
  }
  const std::vector<uint16_t> tokens =
      Encode(bpe, text, static_cast<int>(std::thread::hardware_concurrency()));
  std::fprintf(stderr, "%zu bytes, %zu tokens, %.4f bytes a token\n", text.size(), tokens.size(),
               static_cast<double>(text.size()) / static_cast<double>(tokens.size()));
  return WriteTokenFile(out, bpe.vocab(), text.size(), tokens);
}

absl::Status Show(const std::string& path) {
  ASSIGN_OR_RETURN(TokenSet set, ReadTokenFile(path));
  std::printf("{\"vocab\":%d,\"tokens\":%zu,\"bytes_per_token\":%.6f}\n", set.vocab, set.tokens.size(),
              set.bytes_per_token);
  return absl::OkStatus();
}

}  // namespace

void AddTokens(CLI::App* app, int* exit_code) {
  struct Options {
    std::string file, out, tokenizer = "bytes";
    double limit_bytes = 0;
    int vocab = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* tokens = app->add_subcommand("tokens", "Make and check token files");
  tokens->require_subcommand(1);
  CLI::App* train = tokens->add_subcommand("train-bpe", "Learn a byte-pair tokenizer from text");
  train->add_option("file", options->file)->required();
  train->add_option("--vocab", options->vocab)->required();
  train->add_option("--limit-bytes", options->limit_bytes, "learn from the first bytes only");
  train->add_option("-o,--out", options->out)->required();
  train->callback(
      [=] { *exit_code = Report(Train(options->file, options->limit_bytes, options->vocab, options->out)); });
  CLI::App* encode = tokens->add_subcommand("encode", "Write text as a token file");
  encode->add_option("file", options->file)->required();
  encode->add_option("--tokenizer", options->tokenizer, "a file of train-bpe, or bytes");
  encode->add_option("--limit-bytes", options->limit_bytes);
  encode->add_option("-o,--out", options->out)->required();
  encode->callback([=] {
    *exit_code = Report(EncodeFile(options->file, options->limit_bytes, options->tokenizer, options->out));
  });
  CLI::App* show = tokens->add_subcommand("show", "Check a token file and print its header");
  show->add_option("file", options->file)->required();
  show->callback([=] { *exit_code = Report(Show(options->file)); });
}

}  // namespace sextant::trainer
