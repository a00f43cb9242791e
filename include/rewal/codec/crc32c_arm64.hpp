// SPDX-License-Identifier: MIT
//
// CRC-32C kernels for 64-bit ARM: the optional CRC instructions of ARMv8.
// Pure functions of their arguments, so any thread may call them; call one only where its feature test says yes.
// The choice among them is left to crc32c.hpp, the constants to crc32c_math.hpp.

#ifndef REWAL_CODEC_CRC32C_ARM64_HPP
#define REWAL_CODEC_CRC32C_ARM64_HPP

#include <rewal/codec/crc32c_math.hpp>
#include <rewal/platform.hpp>

#endif  // REWAL_CODEC_CRC32C_ARM64_HPP
