#include "sha256.h"

#include <openssl/evp.h>

#include <new>

namespace herdbook {

namespace {

EVP_MD_CTX* fresh() {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (context == nullptr) throw std::bad_alloc();
  return context;
}

}  // namespace

Sha256::Sha256() : context_(fresh()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::update(const char* bytes, std::size_t count) { EVP_DigestUpdate(context_, bytes, count); }

std::string Sha256::digest() const {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_MD_CTX* ended = fresh();
  EVP_MD_CTX_copy_ex(ended, context_);
  EVP_DigestFinal_ex(ended, sum, &length);
  EVP_MD_CTX_free(ended);
  std::string text = "sha256:";
  for (unsigned int byte = 0; byte < length; byte++) {
    text += "0123456789abcdef"[sum[byte] >> 4];
    text += "0123456789abcdef"[sum[byte] & 15];
  }
  return text;
}

}  // namespace herdbook
