// SPDX-License-Identifier: MIT
//
// Lz4: a Compressor on liblz4 (1.9.0 or newer). Opt-in: wal.hpp does not include it, since it needs the library.
// Any thread, any number at once; it holds no state. Whether a frame is worth storing compressed is left to the log.
//
// LINKING. Debian and Ubuntu: liblz4-dev; Fedora: lz4-devel; vcpkg, Homebrew: lz4.
//   CMake with pkg-config:   find_package(PkgConfig REQUIRED)
//                            pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
//                            target_link_libraries(app PRIVATE rewal::rewal PkgConfig::lz4)
//   CMake, library's own:    find_package(lz4 CONFIG REQUIRED), then lz4::lz4
//   by hand:                 c++ ... $(pkg-config --cflags --libs liblz4)
//
// FORMAT. A block does not say how much it holds, so its size stands before it, as other libraries' "prepend size"
// does:
//
//   offset  bytes  field
//        0      4  size of the content in bytes, little-endian
//        4      n  one LZ4 block
//
// Eleven bytes shorter than LZ4's own frame format, which is what small events need. Block and size are not
// checksummed: the log's frame is.

#ifndef REWAL_COMPRESSOR_LZ4_HPP
#define REWAL_COMPRESSOR_LZ4_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

#include <lz4.h>

#include <rewal/bytes.hpp>
#include <rewal/compressor/output.hpp>
#include <rewal/error.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>

namespace rewal {

/// Shrinks frames with LZ4: less than Zstd, and several times faster. `wal.compressor(rewal::Lz4{})`.
///
/// MEMORY. None beside the output; decompressing never holds more than the limit that it is given, nor more than the
/// input can possibly hold, whatever its size field claims.
struct Lz4 {
  /// Appends size and block. Errors: `invalid_record` over LZ4's 2,113,929,216 bytes; `io` with
  /// std::errc::not_enough_memory. `target` is then as it was.
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    if (source.size() > std::size_t{LZ4_MAX_INPUT_SIZE}) {
      return Error(Errc::invalid_record, "the frame is too large for LZ4: append less at once");
    }
    const std::size_t before = target.size();
    const int room = LZ4_compressBound(static_cast<int>(source.size()));
    if (!detail::grow(target, before + size_bytes + static_cast<std::size_t>(room))) return detail::not_enough_memory();
    detail::store_le(target.data() + before, static_cast<std::uint32_t>(source.size()));
    const int made = LZ4_compress_default(chars_of(source), chars_of(target.data() + before + size_bytes),
                                          static_cast<int>(source.size()), room);
    target.resize(before + (made > 0 ? size_bytes + static_cast<std::size_t>(made) : 0));
    if (made > 0) return {};
    return Error(Errc::invalid_record, "LZ4 could not compress the records: the event was not appended");
  }

  /// Appends what the block in `source` holds, at most `most` bytes.
  /// Errors: `corrupted` where `source` is not what compress() made, is damaged, or claims more than `most` bytes; `io`
  /// with std::errc::not_enough_memory. `target` is then as it was.
  Result<void> decompress(Bytes source, std::vector<std::byte>& target, std::size_t most) const {
    if (source.size() <= size_bytes) return not_lz4();
    const auto claimed = detail::load_le<std::uint32_t>(source.data());
    const Bytes block = source.subspan(size_bytes);
    if (claimed > most) return detail::over_frame_limit();
    if (claimed > LZ4_MAX_INPUT_SIZE || block.size() > INT32_MAX || claimed / most_per_byte > block.size()) {
      return not_lz4();
    }
    const std::size_t before = target.size();
    if (!detail::grow(target, before + claimed)) return detail::not_enough_memory();
    std::byte nothing{};  // room for no bytes still needs a place
    const int made = LZ4_decompress_safe(chars_of(block), chars_of(claimed == 0 ? &nothing : target.data() + before),
                                         static_cast<int>(block.size()), static_cast<int>(claimed));
    if (made >= 0 && static_cast<std::uint32_t>(made) == claimed) return {};
    target.resize(before);
    return not_lz4();
  }

 private:
  static constexpr std::size_t size_bytes = 4;
  static constexpr std::size_t most_per_byte = 255;  // no byte of a block stands for more

  [[nodiscard]] static const char* chars_of(Bytes bytes) noexcept {
    static constexpr char nothing = 0;  // LZ4 refuses a null pointer, also to no bytes
    return bytes.empty() ? &nothing : reinterpret_cast<const char*>(bytes.data());
  }
  [[nodiscard]] static char* chars_of(std::byte* bytes) noexcept { return reinterpret_cast<char*>(bytes); }

  [[nodiscard]] static Error not_lz4() noexcept {
    return {Errc::corrupted,
            "LZ4 cannot read a compressed frame: it was written with another compressor, or is damaged"};
  }
};

}  // namespace rewal

#endif  // REWAL_COMPRESSOR_LZ4_HPP
