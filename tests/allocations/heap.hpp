// SPDX-License-Identifier: MIT
//
// The executable's own operator new, which fails when a test asks it to. Included by one file of the executable.
// While there is a FailingAllocations, the k-th allocation of any thread fails, once or with all after it; not those of
// this thread while there is a SparedAllocations.

#ifndef REWAL_TESTS_ALLOCATIONS_HEAP_HPP
#define REWAL_TESTS_ALLOCATIONS_HEAP_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <rewal/platform.hpp>

namespace heap {

inline std::atomic<std::int64_t> left{-1};  // so many more allocations succeed; negative: all
inline std::atomic<bool> for_ever{false};
inline std::atomic<std::uint64_t> failures{0};
inline thread_local bool spared = false;

/// Whether this allocation is to fail.
inline bool strikes() noexcept {
  if (!spared && left.load(std::memory_order_relaxed) >= 0) {
    const auto before = left.fetch_sub(1, std::memory_order_relaxed);
    if (before == 0 || (before < 0 && for_ever.load(std::memory_order_relaxed))) {
      if (for_ever.load(std::memory_order_relaxed)) left.store(0, std::memory_order_relaxed);
      failures.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

inline void* take(std::size_t size, std::size_t alignment = 0) noexcept {
  if (strikes()) return nullptr;
  if (alignment == 0) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

inline void* take_or_throw(std::size_t size, std::size_t alignment = 0) {
  if (void* const memory = take(size, alignment)) return memory;
  throw std::bad_alloc();
}

/// The allocation after `k` further ones fails.
class FailingAllocations {
 public:
  FailingAllocations(std::uint64_t k, bool lasts) {
    failures = 0;
    for_ever = lasts;
    left = static_cast<std::int64_t>(k);
  }
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;
  ~FailingAllocations() { left = -1; }

  [[nodiscard]] static bool struck() { return failures.load() > 0; }
};

class SparedAllocations {
 public:
  SparedAllocations() : before_(spared) { spared = true; }
  SparedAllocations(const SparedAllocations&) = delete;
  SparedAllocations& operator=(const SparedAllocations&) = delete;
  ~SparedAllocations() { spared = before_; }

 private:
  bool before_;
};

}  // namespace heap

// Out of line, or g++ takes malloc and free for a mismatch.
REWAL_NOINLINE void* operator new(std::size_t size) { return heap::take_or_throw(size); }
REWAL_NOINLINE void* operator new[](std::size_t size) { return heap::take_or_throw(size); }
REWAL_NOINLINE void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return heap::take(size); }
REWAL_NOINLINE void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return heap::take(size); }
REWAL_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
  return heap::take_or_throw(size, static_cast<std::size_t>(alignment));
}
REWAL_NOINLINE void* operator new[](std::size_t size, std::align_val_t alignment) {
  return heap::take_or_throw(size, static_cast<std::size_t>(alignment));
}
REWAL_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return heap::take(size, static_cast<std::size_t>(alignment));
}
REWAL_NOINLINE void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return heap::take(size, static_cast<std::size_t>(alignment));
}
REWAL_NOINLINE void operator delete(void* memory) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete[](void* memory) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif  // REWAL_TESTS_ALLOCATIONS_HEAP_HPP
