// SPDX-License-Identifier: MIT
//
// QueueMemory: the bytes of the queue's ring. What is large is mapped, so that it can be given back to the system while
// the log is idle and comes again page by page as it is used; what is small, or on a system without mappings of memory,
// is on the heap and stays. Whoever gives it back must have it to himself; that is left to the ring.

#ifndef REWAL_QUEUE_QUEUE_MEMORY_HPP
#define REWAL_QUEUE_QUEUE_MEMORY_HPP

#include <cstddef>
#include <memory>

#include <rewal/platform.hpp>

#if REWAL_POSIX
#include <sys/mman.h>
#endif

namespace rewal::detail {

class QueueMemory {
 public:
  static constexpr std::size_t mapped_from_bytes = 1024 * 1024;

  explicit QueueMemory(std::size_t bytes) : bytes_(bytes), mapped_(bytes >= mapped_from_bytes ? map(bytes) : nullptr) {
    if (mapped_ == nullptr) heap_.reset(new std::byte[bytes]);
  }
  QueueMemory(const QueueMemory&) = delete;
  QueueMemory& operator=(const QueueMemory&) = delete;
  ~QueueMemory() {
#if REWAL_POSIX
    if (mapped_ != nullptr) static_cast<void>(::munmap(mapped_, bytes_));
#endif
  }

  [[nodiscard]] std::byte* get() const noexcept { return mapped_ != nullptr ? mapped_ : heap_.get(); }
  [[nodiscard]] bool is_mapped() const noexcept { return mapped_ != nullptr; }

  /// The system may use the memory for others; its content is lost. Costs the system some work at the next use.
  void give_back() noexcept {
#if REWAL_POSIX
#if REWAL_LINUX
    constexpr int advice = MADV_DONTNEED;
#else
    constexpr int advice = MADV_FREE;  // elsewhere MADV_DONTNEED keeps the pages
#endif
    // Where the system declines, the memory stays: nothing depends on it.
    if (mapped_ != nullptr) static_cast<void>(::madvise(mapped_, bytes_, advice));
#endif
  }

 private:
  /// None where the system has no such memory; the heap has the last word then.
  [[nodiscard]] static std::byte* map([[maybe_unused]] std::size_t bytes) noexcept {
#if REWAL_POSIX
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
#else
    return nullptr;
#endif
  }

  [[maybe_unused]] const std::size_t bytes_;
  std::byte* const mapped_;
  std::unique_ptr<std::byte[]> heap_;  // where it is not mapped
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_QUEUE_MEMORY_HPP
