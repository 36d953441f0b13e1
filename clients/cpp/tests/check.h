// Checks that tell what failed and where.
#pragma once

#include <iostream>

inline int failures = 0;

#define CHECK(holds)                                                                \
  do {                                                                              \
    if (!(holds)) {                                                                 \
      std::cerr << __FILE__ << ':' << __LINE__ << ": " #holds " does not hold\n";   \
      failures++;                                                                   \
    }                                                                               \
  } while (false)
