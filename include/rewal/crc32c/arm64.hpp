// SPDX-License-Identifier: MIT
//
// CRC-32C on 64-bit ARM: the crc32c instructions, the carry-less multiplication, and which of them the processor has.
// Pure functions of their arguments, so any thread may call them; call one only where `arm64_features` allows it.
// What to do with them is left to crc32c_streams.hpp.
//
// Both sets are optional in ARMv8.0, so functions name them in an attribute and the choice is made at run time. The
// instructions are written out: g++ and clang name their builtins differently, and <arm_neon.h> is a large header.

#ifndef REWAL_CRC32C_ARM64_HPP
#define REWAL_CRC32C_ARM64_HPP

#include <cstdint>

#include <rewal/crc32c/math.hpp>
#include <rewal/platform.hpp>

#if REWAL_ARM64

#if REWAL_LINUX
#include <sys/auxv.h>
#elif REWAL_APPLE
#include <sys/sysctl.h>
#elif REWAL_WINDOWS
extern "C" __declspec(dllimport) int __stdcall IsProcessorFeaturePresent(unsigned long feature);
#endif

#if REWAL_MSVC
#include <intrin.h>
#define REWAL_CRC_ONE
#define REWAL_CRC_FOLD
#elif defined(__clang__)
#define REWAL_CRC_ONE __attribute__((target("crc")))
#define REWAL_CRC_FOLD __attribute__((target("crc,aes")))
#else
#define REWAL_CRC_ONE __attribute__((target("+crc")))
#define REWAL_CRC_FOLD __attribute__((target("+crc+aes")))
#endif

namespace rewal::detail {

struct Arm64Features {
  bool crc = false;
  bool pmull = false;
};

inline Arm64Features arm64_features() noexcept {
  Arm64Features features;
#if REWAL_LINUX
  const unsigned long capabilities = getauxval(AT_HWCAP);
  features.crc = (capabilities >> 7 & 1) != 0;                    // HWCAP_CRC32
  features.pmull = features.crc && (capabilities >> 4 & 1) != 0;  // HWCAP_PMULL
#elif REWAL_APPLE
  const auto has = [](const char* name) noexcept {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
  };
  features.crc = has("hw.optional.armv8_crc32");
  features.pmull = features.crc && has("hw.optional.arm.FEAT_PMULL");
#elif REWAL_WINDOWS
  features.crc = IsProcessorFeaturePresent(31) != 0;  // PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE
  features.pmull = !REWAL_MSVC && features.crc && IsProcessorFeaturePresent(30) != 0;  // PF_ARM_V8_CRYPTO_...
#endif
  return features;
}

/// The crc32c instruction for one integer.
template <class T>
REWAL_CRC_ONE REWAL_INLINE std::uint32_t crc32c_step(std::uint64_t before, T value) noexcept {
  std::uint32_t state = static_cast<std::uint32_t>(before);
#if REWAL_MSVC
  if constexpr (sizeof value == 8) state = __crc32cd(state, value);
  if constexpr (sizeof value == 4) state = __crc32cw(state, value);
  if constexpr (sizeof value == 2) state = __crc32ch(state, value);
  if constexpr (sizeof value == 1) state = __crc32cb(state, value);
#else
  if constexpr (sizeof value == 8) asm("crc32cx %w0, %w0, %x1" : "+r"(state) : "r"(value));
  if constexpr (sizeof value == 4) asm("crc32cw %w0, %w0, %w1" : "+r"(state) : "r"(value));
  if constexpr (sizeof value == 2) asm("crc32ch %w0, %w0, %w1" : "+r"(state) : "r"(value));
  if constexpr (sizeof value == 1) asm("crc32cb %w0, %w0, %w1" : "+r"(state) : "r"(value));
#endif
  return state;
}

/// The word that, xored into a message's last word, stands for `state` before the bytes that `factor` jumps over.
REWAL_CRC_FOLD REWAL_INLINE std::uint64_t crc32c_moved(std::uint64_t state, std::uint32_t factor) noexcept {
#if REWAL_MSVC
  return crc32c_carryless_product(static_cast<std::uint32_t>(state), factor);
#else
  using Vector = unsigned long long __attribute__((vector_size(16)));
  const Vector a{state, 0}, b{factor, 0};
  Vector product;
  asm("pmull %0.1q, %1.1d, %2.1d" : "=w"(product) : "w"(a), "w"(b));
  return product[0];
#endif
}

}  // namespace rewal::detail

#endif  // REWAL_ARM64

#endif  // REWAL_CRC32C_ARM64_HPP
