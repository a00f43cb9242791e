// SPDX-License-Identifier: MIT
//
// Whether mapped bytes are in memory already, and making their pages present at once. Hints for those who read much: right
// or wrong, the bytes are the same. Any thread may call. Who reads what, and in which order, is left to the callers.

#ifndef REWAL_STORAGE_RESIDENCY_HPP
#define REWAL_STORAGE_RESIDENCY_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/bytes.hpp>
#include <rewal/platform.hpp>

#if REWAL_LINUX
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace rewal::detail {

/// Whether nearly all pages of a mapping are in memory, by a sample of them. True where the system does not tell.
template <class = void>
[[nodiscard]] bool seems_resident([[maybe_unused]] Bytes mapped) noexcept {
#if REWAL_LINUX
  constexpr std::size_t samples = 64;
  constexpr std::size_t most_absent = 2;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t pages = mapped.size() / page;
  std::size_t absent = 0;
  for (std::size_t i = 0; i < samples && pages > 0; ++i) {
    const std::byte* const at = mapped.data() + pages * i / samples * page;  // a mapping begins at a page
    unsigned char present = 1;
    if (::mincore(const_cast<std::byte*>(at), 1, &present) != 0) return true;
    absent += (present & 1u) == 0 ? 1u : 0u;
  }
  return absent <= most_absent;
#else
  return true;
#endif
}

/// Makes the pages of part of a mapping present in one call instead of by a fault each. They are to be in memory already.
template <class = void>
void make_present([[maybe_unused]] Bytes part) noexcept {
#if REWAL_LINUX
  constexpr int populate_read = 22;  // MADV_POPULATE_READ, of Linux 5.14; older ones refuse it
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size());
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, populate_read));
#endif
}

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_RESIDENCY_HPP
