// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include <gtest/gtest.h>

namespace sextant::server {
namespace {

ServerOptions Listening(const std::string& address) {
  ServerOptions options;
  options.database = "x.db";
  options.listen = {address};
  return options;
}

TEST(Options, KnowWhichAddressesAreLocal) {
  for (const char* address : {"127.0.0.1:7433", "127.8.9.1:1", "localhost:0", "[::1]:7433", "unix:/tmp/s"}) {
    EXPECT_TRUE(IsLocalAddress(address)) << address;
    EXPECT_TRUE(ValidateOptions(Listening(address)).ok()) << address;
  }
  for (const char* address : {"0.0.0.0:7433", "10.0.0.1:1", "[::]:1", "example.org:1", "127.evil.org:1"}) {
    EXPECT_FALSE(IsLocalAddress(address)) << address;
  }
}

TEST(Options, RefusePlaintextThatOthersCanReach) {
  ServerOptions options = Listening("0.0.0.0:7433");
  EXPECT_FALSE(ValidateOptions(options).ok());
  options.insecure_non_loopback = true;
  EXPECT_TRUE(ValidateOptions(options).ok());
  options.insecure_non_loopback = false;
  options.tls_certificate = "c.pem";
  EXPECT_FALSE(ValidateOptions(options).ok()) << "a certificate without its key";
  options.tls_key = "k.pem";
  EXPECT_TRUE(ValidateOptions(options).ok());
}

TEST(Options, RefuseMalformedAddresses) {
  for (const char* address : {"", "7433", ":7433", "localhost", "localhost:", "localhost:x",
                              "localhost:99999", "unix:", "localhost:-1"}) {
    EXPECT_FALSE(ValidateOptions(Listening(address)).ok()) << address;
  }
}

}  // namespace
}  // namespace sextant::server
