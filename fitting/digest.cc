#include "fitting/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

namespace sextant::fitting {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(const void* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  std::string Hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), bytes.data(), &size);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex.push_back(kDigits[bytes[i] >> 4]);
      hex.push_back(kDigits[bytes[i] & 15]);
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string DataDigest(const RunTable& runs) {
  Sha256 digest;
  for (const std::string& id : runs.id) {
    digest.Add(id.data(), id.size());
    digest.Add("\n", 1);
  }
  for (const std::vector<double>* column :
       {&runs.params, &runs.tokens, &runs.learning_rate, &runs.batch_size_tokens, &runs.sequence_length,
        &runs.steps, &runs.weight_decay, &runs.adam_beta2, &runs.loss}) {
    digest.Add(column->data(), column->size() * sizeof(double));
  }
  digest.Add(runs.state.data(), runs.state.size());
  return digest.Hex();
}

}  // namespace sextant::fitting
