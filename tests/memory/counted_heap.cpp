// SPDX-License-Identifier: MIT
//
// The operators new and delete that count; see counted_heap.hpp.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory/counted_heap.hpp>
#include <memory>
#include <new>

namespace heap {

std::atomic<std::int64_t> bytes{0};
std::atomic<std::int64_t> peak{0};
std::atomic<std::uint64_t> allocations{0};

namespace {

/// Stands just before the memory that is handed out.
struct BlockHeader {
  void* block;
  std::size_t size;
};

void* take(std::size_t size, std::size_t alignment) noexcept {
  alignment = (std::max)(alignment, alignof(std::max_align_t));
  if (size > SIZE_MAX / 2) return nullptr;
  void* const block = std::malloc(size + sizeof(BlockHeader) + alignment);
  if (block == nullptr) return nullptr;
  void* at = static_cast<std::byte*>(block) + sizeof(BlockHeader);
  std::size_t room = size + alignment;
  at = std::align(alignment, size, at, room);
  BlockHeader* const header = static_cast<BlockHeader*>(at) - 1;
  *header = {block, size};
  const auto now = bytes.fetch_add(static_cast<std::int64_t>(size)) + static_cast<std::int64_t>(size);
  auto most = peak.load();
  while (most < now && !peak.compare_exchange_weak(most, now)) {
  }
  allocations.fetch_add(1);
  return at;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
  if (void* const memory = take(size, alignment)) return memory;
  throw std::bad_alloc();
}

void give(void* memory) noexcept {
  if (memory == nullptr) return;
  const BlockHeader header = *(static_cast<BlockHeader*>(memory) - 1);
  bytes.fetch_sub(static_cast<std::int64_t>(header.size));
  std::free(header.block);
}

}  // namespace

std::int64_t begin() {
  peak.store(bytes.load());
  return bytes.load();
}

}  // namespace heap

constexpr std::size_t any = 1;  // alignment
void* operator new(std::size_t n) { return heap::take_or_throw(n, any); }
void* operator new[](std::size_t n) { return heap::take_or_throw(n, any); }
void* operator new(std::size_t n, std::align_val_t a) { return heap::take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return heap::take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return heap::take(n, any); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return heap::take(n, any); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return heap::take(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return heap::take(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { heap::give(p); }
void operator delete[](void* p) noexcept { heap::give(p); }
void operator delete(void* p, std::size_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::size_t) noexcept { heap::give(p); }
void operator delete(void* p, std::align_val_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::align_val_t) noexcept { heap::give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { heap::give(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap::give(p); }
