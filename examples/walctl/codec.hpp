// SPDX-License-Identifier: MIT
//
// Codec: the compressor of a log as walctl is told it, or as the frame itself shows it. Called from any thread.
// It only decompresses. Which libraries are known is decided when walctl is built: WALCTL_ZSTD and WALCTL_LZ4.

#ifndef WALCTL_CODEC_HPP
#define WALCTL_CODEC_HPP

#include <cstddef>
#include <string_view>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#if WALCTL_ZSTD
#include <rewal/compressor/zstd.hpp>
#endif
#if WALCTL_LZ4
#include <rewal/compressor/lz4.hpp>
#endif

namespace walctl {

class Codec {
 public:
  /// auto, none, zstd or lz4.
  explicit Codec(std::string_view name = "auto") noexcept
      : kind_(name == "zstd"   ? Kind::zstd
              : name == "lz4"  ? Kind::lz4
              : name == "none" ? Kind::none
                               : Kind::automatic) {}

  /// walctl writes no compressed frame.
  rewal::Result<void> compress(rewal::Bytes, std::vector<std::byte>&) const { return rewal::Errc::invalid_state; }

  rewal::Result<void> decompress([[maybe_unused]] rewal::Bytes source, [[maybe_unused]] std::vector<std::byte>& target,
                                 [[maybe_unused]] std::size_t most) const {
    [[maybe_unused]] const bool looks_like_zstd = begins_with(source, {0x28, 0xB5, 0x2F, 0xFD});
#if WALCTL_ZSTD
    if (kind_ == Kind::zstd || (kind_ == Kind::automatic && looks_like_zstd)) {
      return rewal::Zstd().decompress(source, target, most);
    }
#endif
#if WALCTL_LZ4
    if (kind_ == Kind::lz4) return rewal::Lz4().decompress(source, target, most);
#endif
    return rewal::Error(rewal::Errc::compressor_required,
                        "the frame is compressed and walctl does not know how: name the compressor with --compressor");
  }

 private:
  enum class Kind : unsigned char { automatic, none, zstd, lz4 };

  static bool begins_with(rewal::Bytes bytes, std::initializer_list<unsigned char> magic) noexcept {
    std::size_t i = 0;
    for (const unsigned char byte : magic) {
      if (i >= bytes.size() || std::to_integer<unsigned char>(bytes[i++]) != byte) return false;
    }
    return true;
  }

  Kind kind_;
};

}  // namespace walctl

#endif  // WALCTL_CODEC_HPP
