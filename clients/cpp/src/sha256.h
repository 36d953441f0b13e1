// SHA-256, as the contract writes it.
#pragma once

#include <cstddef>
#include <string>

struct evp_md_ctx_st;

namespace herdbook {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const char* bytes, std::size_t count);
  // sha256: and 64 hexadecimal digits, of all bytes so far.
  std::string digest() const;

 private:
  evp_md_ctx_st* context_;
};

}  // namespace herdbook
