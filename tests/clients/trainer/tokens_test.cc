// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "clients/trainer/tokens/bpe.h"
#include "clients/trainer/tokens/order.h"
#include "clients/trainer/tokens/token_file.h"

namespace sextant::trainer {
namespace {

class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("sextant-tokens-" + std::to_string(getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  ~TokensTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::filesystem::path folder_;
};

std::string Code() {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "static int value_" + std::to_string(i % 7) + " = read(dev, " + std::to_string(i) + ");\n";
    if (i % 20 == 19) text += '\0';
  }
  return text + "\xff\xfe tail without end";
}

TEST_F(TokensTest, FileRoundTrips) {
  ASSERT_TRUE(WriteTokenFile(Path("t"), 300, 12, {1, 2, 299, 0}).ok());
  const TokenSet set = ReadTokenFile(Path("t")).value();
  EXPECT_EQ(set.tokens, (std::vector<uint16_t>{1, 2, 299, 0}));
  EXPECT_EQ(set.vocab, 300);
  EXPECT_DOUBLE_EQ(set.bytes_per_token, 3);
}

TEST_F(TokensTest, RefusesMissingForeignShortDamagedAndOutOfRangeFiles) {
  EXPECT_EQ(ReadTokenFile(Path("none")).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(Path("text")) << "this is plain text, long enough to hold a header of forty bytes";
  EXPECT_NE(std::string(ReadTokenFile(Path("text")).status().message()).find("not a token file"),
            std::string::npos);
  ASSERT_TRUE(WriteTokenFile(Path("t"), 300, 12, {1, 2, 3, 4}).ok());
  std::filesystem::resize_file(Path("t"), std::filesystem::file_size(Path("t")) - 2);
  EXPECT_NE(std::string(ReadTokenFile(Path("t")).status().message()).find("cut short"), std::string::npos);
  ASSERT_TRUE(WriteTokenFile(Path("t"), 300, 12, {1, 2, 3, 4}).ok());
  {
    std::fstream damage(Path("t"), std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(-2, std::ios::end);
    damage.put(9);
  }
  EXPECT_NE(std::string(ReadTokenFile(Path("t")).status().message()).find("checksum"), std::string::npos);
  ASSERT_TRUE(WriteTokenFile(Path("t"), 300, 12, {1, 300}).ok());
  EXPECT_NE(std::string(ReadTokenFile(Path("t")).status().message()).find("token 1 is 300"),
            std::string::npos);
}

TEST_F(TokensTest, HoldOutKeepsSomethingToTrainOn) {
  TokenSet set;
  set.tokens.resize(100);
  EXPECT_EQ(HoldOut(100, &set).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HoldOut(0, &set).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(HoldOut(40, &set).ok());
  EXPECT_EQ(set.TrainWindows(10), 5);  // the target of a window's end lies in the next
  EXPECT_EQ(set.ValidationWindows(10), 3);
}

TEST_F(TokensTest, BpeDecodesToTheTextAndShortensIt) {
  const std::string text = Code();
  const Bpe bpe = TrainBpe(text, 300).value();
  EXPECT_EQ(bpe.vocab(), 300);
  const std::vector<uint16_t> tokens = Encode(bpe, text, 1);
  EXPECT_EQ(Decode(bpe, tokens), text);
  EXPECT_LT(tokens.size() * 3, text.size() * 2);
}

TEST_F(TokensTest, BpeIsDeterministicAcrossTrainingsFilesAndThreads) {
  const std::string text = Code();
  const Bpe bpe = TrainBpe(text, 300).value();
  EXPECT_EQ(TrainBpe(text, 300)->merges, bpe.merges);
  ASSERT_TRUE(WriteBpe(Path("bpe"), bpe).ok());
  EXPECT_EQ(ReadBpe(Path("bpe"))->merges, bpe.merges);
  EXPECT_EQ(Encode(bpe, text, 5), Encode(bpe, text, 1));
}

TEST_F(TokensTest, BpeTakesTheMostFrequentPairFirst) {
  EXPECT_EQ(TrainBpe("ab ab ab cd cd xy", 257)->merges[0], (std::pair<uint16_t, uint16_t>{'a', 'b'}));
}

TEST_F(TokensTest, BpeRefusesWhatItCannotLearnOrRead) {
  EXPECT_EQ(TrainBpe("abc", 300).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TrainBpe(Code(), 100).status().code(), absl::StatusCode::kInvalidArgument);
  std::ofstream(Path("bpe")) << "sextant-bpe 1\n97 98\n300 1\n";
  EXPECT_NE(std::string(ReadBpe(Path("bpe")).status().message()).find("merge 2"), std::string::npos);
}

TEST(OrderTest, EveryEpochVisitsEveryWindowOnceInAnotherOrder) {
  for (const int64_t windows : {1, 2, 5, 64, 1000}) {
    std::vector<int64_t> epochs[2];
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      std::set<int64_t> seen;
      for (int64_t i = 0; i < windows; ++i) {
        epochs[epoch].push_back(WindowAt(3, windows, epoch * windows + i));
        seen.insert(epochs[epoch].back());
      }
      EXPECT_EQ(static_cast<int64_t>(seen.size()), windows);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), windows - 1);
    }
    if (windows >= 64) {
      EXPECT_NE(epochs[0], epochs[1]);
    }
  }
  EXPECT_NE(WindowAt(1, 1000, 5), WindowAt(2, 1000, 5));
}

}  // namespace
}  // namespace sextant::trainer
