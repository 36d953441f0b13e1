#include "check.h"

void test_gathering();
void test_errors();
void test_sha256();

int main() {
  test_gathering();
  test_errors();
  test_sha256();
  std::cout << (failures == 0 ? "all checks hold\n" : "some checks do not hold\n");
  return failures == 0 ? 0 : 1;
}
