// SPDX-License-Identifier: MIT
//
// Frames written by the two units are the same bytes, and the types they share have one layout.

#include <iostream>

#include "two_units.hpp"

int main() {
#if REWAL_X86_64 && REWAL_GNU
  if (!__builtin_cpu_supports("avx2")) {
    std::cout << "this processor cannot run the tuned unit\n";
    return 4;
  }
#endif
  const Answers plain = answers_of_plain();
  const Answers tuned = answers_of_tuned();
  if (!plain.error.empty()) {
    std::cout << plain.error << '\n';
    return 1;
  }
  if (plain.file.empty() || plain.replayed != 88) {
    std::cout << plain.file.size() << " bytes, " << plain.replayed << " events\n";
    return 1;
  }
  if (plain != tuned) {
    std::cout << "the two translation units disagree\n";
    return 1;
  }
  std::cout << "the two translation units agree\n";
}
