// SPDX-License-Identifier: MIT
//
// Zstd: a Compressor on libzstd (1.4.0 or newer). Opt-in: wal.hpp does not include it, since it needs the library.
// Any thread, any number at once, without a lock. Whether a frame is worth storing compressed is left to the log.
//
// LINKING. Debian and Ubuntu: libzstd-dev; Fedora: libzstd-devel; vcpkg, Homebrew: zstd.
//   CMake with pkg-config:   find_package(PkgConfig REQUIRED)
//                            pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
//                            target_link_libraries(app PRIVATE rewal::rewal PkgConfig::zstd)
//   CMake, library's own:    find_package(zstd CONFIG REQUIRED), then zstd::libzstd (zstd::libzstd_shared, _static)
//   by hand:                 c++ ... $(pkg-config --cflags --libs libzstd)
//
// FORMAT. What `compress` appends is one standard zstd frame with its content size and without a checksum: the log's
// frame has one. `decompress` reads any sequence of standard zstd frames that needs no dictionary.

#ifndef REWAL_COMPRESSOR_ZSTD_HPP
#define REWAL_COMPRESSOR_ZSTD_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <zstd.h>
#include <zstd_errors.h>

#include <rewal/bytes.hpp>
#include <rewal/compressor/context_pool.hpp>
#include <rewal/compressor/output.hpp>
#include <rewal/error.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>

namespace rewal {

namespace detail {

struct ZstdCompressing {
  using Context = ZSTD_CCtx;
  static Context* make() noexcept { return ZSTD_createCCtx(); }
  static void destroy(Context* context) noexcept { ZSTD_freeCCtx(context); }
  static std::size_t bytes_of(const Context* context) noexcept { return ZSTD_sizeof_CCtx(context); }
};

struct ZstdDecompressing {
  using Context = ZSTD_DCtx;
  static Context* make() noexcept { return ZSTD_createDCtx(); }
  static void destroy(Context* context) noexcept { ZSTD_freeDCtx(context); }
  static std::size_t bytes_of(const Context* context) noexcept { return ZSTD_sizeof_DCtx(context); }
};

}  // namespace detail

/// Shrinks frames with zstd. `wal.compressor(rewal::Zstd{3})`.
///
/// MEMORY. Up to four compressing and four decompressing contexts are kept, none over 1 MiB (about 100 KiB at level 3
/// with small frames); larger ones, of high levels and large frames, live as long as their call. Decompressing holds
/// the output, never more than the limit that it is given, and a context of constant size, whatever the input claims.
class Zstd {
 public:
  /// Levels are the library's: 1 (fast) to 22 (small), negative ones are faster still, 0 is its default. One outside
  /// ZSTD_minCLevel() to ZSTD_maxCLevel() makes every `compress` fail with std::errc::invalid_argument.
  explicit Zstd(int level = 3) noexcept : level_(level) {}

  [[nodiscard]] int level() const noexcept { return level_; }

  /// Appends one zstd frame. Errors: `io` with std::errc::invalid_argument or not_enough_memory; `target` is then as it
  /// was.
  Result<void> compress(Bytes source, std::vector<std::byte>& target) const {
    if (level_ < ZSTD_minCLevel() || level_ > ZSTD_maxCLevel()) {
      return detail::invalid_argument("the zstd level does not exist: choose one from 1 to 22, or a negative one");
    }
    const auto context = compressing_.take();
    if (context == nullptr) return detail::not_enough_memory();
    const std::size_t before = target.size();
    const std::size_t room = ZSTD_compressBound(source.size());
    if (ZSTD_isError(room)) return Error(Errc::invalid_record, "the frame is too large for zstd: append less at once");
    if (!detail::grow(target, before + room)) return detail::not_enough_memory();
    const std::size_t made =
        ZSTD_compressCCtx(context.get(), target.data() + before, room, source.data(), source.size(), level_);
    target.resize(before + (ZSTD_isError(made) ? 0 : made));
    if (!ZSTD_isError(made)) return {};
    if (ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation) return detail::not_enough_memory();
    return Error(Errc::invalid_record, "zstd could not compress the records: the event was not appended");
  }

  /// Appends what the frames in `source` hold, at most `most` bytes. The size that they claim is believed up to 64 KiB
  /// or sixteen times the input; beyond, room grows in steps of four times, each tried when the last one proved too
  /// small, so that memory follows what really comes out of the input.
  /// Errors: `corrupted` where `source` is not zstd's, is damaged, or holds more than `most` bytes; `io` with
  /// std::errc::not_enough_memory. `target` is then as it was.
  Result<void> decompress(Bytes source, std::vector<std::byte>& target, std::size_t most) const {
    if (source.empty()) return not_zstd();
    const unsigned long long claimed = ZSTD_getFrameContentSize(source.data(), source.size());
    if (claimed == ZSTD_CONTENTSIZE_ERROR) return not_zstd();
    const bool is_claimed = claimed != ZSTD_CONTENTSIZE_UNKNOWN;
    if (is_claimed && claimed > most) return detail::over_frame_limit();
    const auto context = decompressing_.take();
    if (context == nullptr) return detail::not_enough_memory();
    const std::size_t before = target.size();
    std::size_t room = (std::min)((std::max)(first_room_bytes, times(source.size(), usual_ratio)), most);
    if (is_claimed && claimed < room) room = static_cast<std::size_t>(claimed);
    for (;;) {
      if (!detail::grow(target, before + room)) return detail::not_enough_memory();
      const std::size_t made =
          ZSTD_decompressDCtx(context.get(), target.data() + before, room, source.data(), source.size());
      target.resize(before + (ZSTD_isError(made) ? 0 : made));
      if (!ZSTD_isError(made)) return {};
      const ZSTD_ErrorCode code = ZSTD_getErrorCode(made);
      if (code == ZSTD_error_memory_allocation) return detail::not_enough_memory();
      if (code != ZSTD_error_dstSize_tooSmall) return not_zstd();
      if (room == most) return detail::over_frame_limit();
      std::size_t next = (std::min)(times((std::max)(room, first_room_bytes), 4), most);
      if (is_claimed && claimed > room && claimed < next) next = static_cast<std::size_t>(claimed);
      room = next;
    }
  }

 private:
  static constexpr std::size_t first_room_bytes = 64 * 1024;
  static constexpr std::size_t usual_ratio = 16;

  [[nodiscard]] static std::size_t times(std::size_t size, std::size_t factor) noexcept {
    return size > SIZE_MAX / factor ? SIZE_MAX : size * factor;
  }

  [[nodiscard]] static Error not_zstd() noexcept {
    return {Errc::corrupted,
            "zstd cannot read a compressed frame: it was written with another compressor, or is damaged"};
  }

  int level_;
  mutable detail::ContextPool<detail::ZstdCompressing> compressing_;
  mutable detail::ContextPool<detail::ZstdDecompressing> decompressing_;
};

}  // namespace rewal

#endif  // REWAL_COMPRESSOR_ZSTD_HPP
