// SPDX-License-Identifier: MIT
//
// HeapPeak: how much memory was taken, at the most, above what was there when it was made. It counts where the target
// is linked with libFuzzer, through the hooks of the sanitizer; elsewhere it says 0. One at a time; memory of all
// threads is counted.

#ifndef REWAL_TESTS_FUZZ_HEAP_PEAK_HPP
#define REWAL_TESTS_FUZZ_HEAP_PEAK_HPP

#include <atomic>
#include <cstddef>

#ifdef REWAL_FUZZ_LIBFUZZER
#include <sanitizer/allocator_interface.h>
#endif

namespace rewal_fuzz {

class HeapPeak {
 public:
#ifdef REWAL_FUZZ_LIBFUZZER
  HeapPeak() : begin_(counted().live) { counted().peak = begin_; }
  [[nodiscard]] std::size_t bytes() const { return counted().peak - begin_; }

 private:
  struct Counted {
    std::atomic<std::size_t> live{std::size_t{1} << 40};  // what was there before may be given back
    std::atomic<std::size_t> peak{0};
  };

  static Counted& counted() {
    static Counted& made = []() -> Counted& {
      static Counted counts;
      shared() = &counts;
      __sanitizer_install_malloc_and_free_hooks(taken, given_back);
      return counts;
    }();
    return made;
  }
  static Counted*& shared() {
    static Counted* pointer = nullptr;
    return pointer;
  }
  static void taken(const volatile void*, std::size_t size) {
    const std::size_t live = shared()->live.fetch_add(size, std::memory_order_relaxed) + size;
    if (live > shared()->peak.load(std::memory_order_relaxed)) shared()->peak.store(live, std::memory_order_relaxed);
  }
  static void given_back(const volatile void* memory) {
    if (memory == nullptr) return;
    const std::size_t size = __sanitizer_get_allocated_size(const_cast<const void*>(memory));
    shared()->live.fetch_sub(size, std::memory_order_relaxed);
  }

  std::size_t begin_;
#else
  [[nodiscard]] std::size_t bytes() const { return 0; }
#endif
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_HEAP_PEAK_HPP
