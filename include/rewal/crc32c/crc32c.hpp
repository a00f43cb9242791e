// SPDX-License-Identifier: MIT
//
// CRC-32C (Castagnoli): over bytes, over bytes while copying them, and arithmetic on finished checksums.
// Any thread may call any of it at any time; the kernel is chosen on the first call from what the processor can do.
// How a kernel computes is left to the crc32c_*.hpp files, and what a checksum covers to the format.
//
// All of it, tables included, are templates, and name what they need through their parameter: a unit that only includes
// the headers makes no tables and compiles no kernel.

#ifndef REWAL_CRC32C_CRC32C_HPP
#define REWAL_CRC32C_CRC32C_HPP

// Edges. Every atomic operation here is relaxed: a slot only ever holds addresses of functions, which need no
// publishing, and each value that a slot can hold gives the same checksums.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <rewal/crc32c/arm64.hpp>
#include <rewal/crc32c/math.hpp>
#include <rewal/crc32c/portable.hpp>
#include <rewal/crc32c/streams.hpp>
#include <rewal/crc32c/x86.hpp>
#include <rewal/crc32c/x86_wide.hpp>
#include <rewal/platform.hpp>

namespace rewal::detail {

/// One way to compute. All agree on every input; they differ in speed and in the processors they need.
struct Crc32cKernel {
  /// `to` is ignored where a kernel only reads.
  using Pass = std::uint32_t (*)(std::uint32_t crc, std::byte* to, const std::byte* from, std::size_t size) noexcept;
  using PrefixedCopy = std::uint32_t (*)(const Crc32cPrefix& prefix, std::byte* to, const std::byte* from,
                                         std::size_t size) noexcept;
  using Shift = std::uint32_t (*)(std::uint32_t state, std::uint64_t bytes) noexcept;

  const char* name;
  bool (*supported)() noexcept;
  Pass crc;
  Pass copy;
  PrefixedCopy prefixed_copy;
  Shift shift;
};

/// All kernels that this build knows, the best last; the first runs everywhere.
template <class = void>
std::span<const Crc32cKernel> crc32c_kernels() noexcept {
  static constexpr Crc32cKernel kernels[] = {
    {"portable", []() noexcept { return true; }, crc32c_portable<false>, crc32c_portable<true>,
     crc32c_prefixed_copy_in_memory<crc32c_portable<true>>, crc32c_shift_portable<>},
#if REWAL_X86_64
    {"sse42", []() noexcept { return x86_features().sse42; }, crc32c_one_stream<false>, crc32c_one_stream<true>,
     crc32c_prefixed_copy_in_memory<crc32c_one_stream<true>>, crc32c_shift_portable<>},
    {"pclmul", []() noexcept { return x86_features().pclmul; },
     crc32c_by_length<false, crc32c_block_streams<false>, crc32c_no_blocks>,
     crc32c_by_length<true, crc32c_block_streams<true>, crc32c_no_blocks>,
     crc32c_prefixed_copy_by_length<crc32c_block_streams<true>, crc32c_no_blocks>, crc32c_shift_fold<>},
#endif
#if REWAL_CRC_WIDE
    {"avx2", []() noexcept { return x86_features().avx2; },
     crc32c_by_length<false, crc32c_block_avx2<false>, crc32c_avx2_from<false>>,
     crc32c_by_length<true, crc32c_block_avx2<true>, crc32c_avx2_from<true>>,
     crc32c_prefixed_copy_wide<crc32c_block_avx2<true>, crc32c_avx2_from<true>, crc32c_block_avx2<false>,
                               crc32c_avx2_from<false>>,
     crc32c_shift_fold<>},
    {"avx512", []() noexcept { return x86_features().avx512; },
     crc32c_by_length<false, crc32c_block_avx512<false>, crc32c_avx512_from<false>>,
     crc32c_by_length<true, crc32c_block_avx512<true>, crc32c_avx512_from<true>>,
     crc32c_prefixed_copy_wide<crc32c_block_avx512<true>, crc32c_avx512_from<true>, crc32c_block_avx512<false>,
                               crc32c_avx512_from<false>>,
     crc32c_shift_fold<>},
#endif
#if REWAL_ARM64
    {"crc", []() noexcept { return arm64_features().crc; }, crc32c_one_stream<false>, crc32c_one_stream<true>,
     crc32c_prefixed_copy_in_memory<crc32c_one_stream<true>>, crc32c_shift_portable<>},
    {"pmull", []() noexcept { return arm64_features().pmull; },
     crc32c_by_length<false, crc32c_block_streams<false>, crc32c_no_blocks>,
     crc32c_by_length<true, crc32c_block_streams<true>, crc32c_no_blocks>,
     crc32c_prefixed_copy_by_length<crc32c_block_streams<true>, crc32c_no_blocks>, crc32c_shift_fold<>},
#endif
  };
  return kernels;
}

/// The functions of the chosen kernel. They begin as functions that choose and then forward, so no initialisation
/// order matters and a call costs one load and one indirect jump. Alone in their cache lines: everyone reads them.
template <class T = void>
struct alignas(cache_line_bytes) Crc32cSlots {
  static Crc32cSlots chosen;

  std::atomic<Crc32cKernel::Pass> crc{first_crc};
  std::atomic<Crc32cKernel::Pass> copy{first_copy};
  std::atomic<Crc32cKernel::PrefixedCopy> prefixed_copy{first_prefixed_copy};
  std::atomic<Crc32cKernel::Shift> shift{first_shift};
  std::atomic<const Crc32cKernel*> active{nullptr};

  const Crc32cKernel& install(const Crc32cKernel& kernel) noexcept {
    crc.store(kernel.crc, std::memory_order_relaxed);
    copy.store(kernel.copy, std::memory_order_relaxed);
    prefixed_copy.store(kernel.prefixed_copy, std::memory_order_relaxed);
    shift.store(kernel.shift, std::memory_order_relaxed);
    active.store(&kernel, std::memory_order_relaxed);
    return kernel;
  }

  /// Threads that make their first calls at the same time choose the same kernel, each for itself.
  REWAL_NOINLINE static const Crc32cKernel& choose() noexcept {
    const auto kernels = crc32c_kernels();
    std::size_t best = kernels.size() - 1;
    while (!kernels[best].supported()) --best;
    return chosen.install(kernels[best]);
  }

  static std::uint32_t first_crc(std::uint32_t crc, std::byte* to, const std::byte* from, std::size_t size) noexcept {
    return choose().crc(crc, to, from, size);
  }
  static std::uint32_t first_copy(std::uint32_t crc, std::byte* to, const std::byte* from, std::size_t size) noexcept {
    return choose().copy(crc, to, from, size);
  }
  static std::uint32_t first_prefixed_copy(const Crc32cPrefix& prefix, std::byte* to, const std::byte* from,
                                           std::size_t size) noexcept {
    return choose().prefixed_copy(prefix, to, from, size);
  }
  static std::uint32_t first_shift(std::uint32_t state, std::uint64_t bytes) noexcept {
    return choose().shift(state, bytes);
  }
};

template <class T>
constinit Crc32cSlots<T> Crc32cSlots<T>::chosen{};

/// Extends `crc` (0 to begin) over [data, data + size): crc32c(crc32c(0, a), b) == crc32c(0, a + b).
template <class T = void>
[[nodiscard]] inline std::uint32_t crc32c(std::uint32_t crc, const std::byte* data, std::size_t size) noexcept {
  return Crc32cSlots<T>::chosen.crc.load(std::memory_order_relaxed)(crc, nullptr, data, size);
}

/// The same over [from, from + size), copied to `to` in the same loop. The two regions must not overlap.
template <class T = void>
[[nodiscard]] inline std::uint32_t crc32c_copy(std::uint32_t crc, std::byte* to, const std::byte* from,
                                               std::size_t size) noexcept {
  return Crc32cSlots<T>::chosen.copy.load(std::memory_order_relaxed)(crc, to, from, size);
}

/// `prefix` and then [from, from + size), all copied to `to`, from checksum 0.
template <class T = void>
[[nodiscard]] inline std::uint32_t crc32c_prefixed_copy(const Crc32cPrefix& prefix, std::byte* to,
                                                        const std::byte* from, std::size_t size) noexcept {
  return Crc32cSlots<T>::chosen.prefixed_copy.load(std::memory_order_relaxed)(prefix, to, from, size);
}

/// The checksum of a + b from the checksum of a, that of b, and b's length. O(log length).
template <class T = void>
[[nodiscard]] inline std::uint32_t crc32c_concat(std::uint32_t crc_a, std::uint32_t crc_b,
                                                 std::uint64_t size_b) noexcept {
  return Crc32cSlots<T>::chosen.shift.load(std::memory_order_relaxed)(crc_a, size_b) ^ crc_b;
}

/// The checksum after `mask` was xored into one byte that is followed by `bytes_after` bytes under the same checksum.
template <class T = void>
[[nodiscard]] inline std::uint32_t crc32c_flip(std::uint32_t crc, std::uint8_t mask,
                                               std::uint64_t bytes_after) noexcept {
  return crc ^ Crc32cSlots<T>::chosen.shift.load(std::memory_order_relaxed)(crc32c_step_byte<T>(0, mask), bytes_after);
}

/// The kernel in use, by name.
template <class T = void>
[[nodiscard]] inline std::string_view crc32c_active() noexcept {
  const Crc32cKernel* const active = Crc32cSlots<T>::chosen.active.load(std::memory_order_relaxed);
  return active != nullptr ? active->name : Crc32cSlots<T>::choose().name;
}

/// For tests and benches: makes the kernel of that name the one in use. False, and nothing changes, if this build or
/// this processor has none such. Threads in the middle of a call finish it with the kernel they began with.
template <class T = void>
bool crc32c_select(std::string_view name) noexcept {
  for (const Crc32cKernel& kernel : crc32c_kernels()) {
    if (kernel.name == name && kernel.supported()) {
      Crc32cSlots<T>::chosen.install(kernel);
      return true;
    }
  }
  return false;
}

}  // namespace rewal::detail

#endif  // REWAL_CRC32C_CRC32C_HPP
