#include "sha256.h"

#include "check.h"

// The example of FIPS 180-4 for "abc", in two pieces.
void test_sha256() {
  herdbook::Sha256 hash;
  hash.update("a", 1);
  CHECK(hash.digest().size() == 71);
  hash.update("bc", 2);
  CHECK(hash.digest() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
