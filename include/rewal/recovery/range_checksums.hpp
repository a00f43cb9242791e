// SPDX-License-Identifier: MIT
//
// RangeChecksums: the CRC-32C of a range of a source in constant time, from the checksums of its prefixes.
// Used by one thread. It reads each byte once for the prefixes, as far as they are needed, and at most 1 KiB at both
// ends of a range; a short range is read itself. What the ranges mean is left to the damage search.
//
// MEMORY: 4 bytes for each 1 KiB, of 8 GiB at most, since no frame is longer than 4 GiB; so 32 MiB at most.

#ifndef REWAL_RECOVERY_RANGE_CHECKSUMS_HPP
#define REWAL_RECOVERY_RANGE_CHECKSUMS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/format/format.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/read/source.hpp>

namespace rewal::detail {

/// Ranges are at most `longest`, and begin no more than that before the latest begin: so the checksums of the prefixes
/// behind are forgotten.
template <class S, std::uint64_t longest = format::max_frame_bytes>
class RangeChecksums {
 public:
  RangeChecksums(Source<S>& source, std::uint64_t begin) noexcept : source_(&source), begin_(begin) {}

  /// The CRC-32C of [from, to), or none after a failure of the source or for lack of memory.
  [[nodiscard]] std::optional<std::uint32_t> of(std::uint64_t from, std::uint64_t to) noexcept {
    if (to - from <= 2 * stride) return extend(0, from, to);
    if (prefixes_ == nullptr && !make_room()) return std::nullopt;
    const auto until_to = prefix(to);
    const auto until_from = prefix(from);
    if (!until_from || !until_to) return std::nullopt;
    // crc(prefix + range) = shifted(crc(prefix)) ^ crc(range), so two of them give the third.
    return crc32c_concat(*until_from, *until_to, to - from);
  }

  /// Whether `crc` is what is stored at `at`, as behind a frame. None after a failure.
  [[nodiscard]] std::optional<bool> is_stored_at(std::uint64_t at, std::uint32_t crc) noexcept {
    const Bytes trailer = source_->at(at, format::trailer_bytes);
    if (trailer.empty()) return std::nullopt;
    return load_le<std::uint32_t>(trailer.data()) == crc;
  }

 private:
  /// `crc` extended over [from, to).
  [[nodiscard]] std::optional<std::uint32_t> extend(std::uint32_t crc, std::uint64_t from, std::uint64_t to) noexcept {
    while (from < to) {
      const Bytes bytes = source_->at(from, 1);
      if (bytes.empty()) return std::nullopt;
      const auto size = static_cast<std::size_t>((std::min<std::uint64_t>)(bytes.size(), to - from));
      crc = crc32c(crc, bytes.data(), size);
      from += size;
    }
    return crc;
  }

  static constexpr std::uint64_t stride = 1024;
  static constexpr std::uint64_t most_kept =
      2 * (longest / stride + 2);  // from `longest` before a begin to as far behind it

  [[nodiscard]] bool make_room() noexcept {
    kept_ = (std::min)(most_kept, (source_->end() - begin_) / stride + 1);
    prefixes_.reset(new (std::nothrow) std::uint32_t[static_cast<std::size_t>(kept_)]);
    if (prefixes_ == nullptr) return false;
    checksum_of(0) = 0;
    return true;
  }

  [[nodiscard]] std::uint32_t& checksum_of(std::uint64_t strides) noexcept {
    return prefixes_[static_cast<std::size_t>(strides % kept_)];
  }

  [[nodiscard]] std::optional<std::uint32_t> prefix(std::uint64_t to) noexcept {
    const std::uint64_t strides = (to - begin_) / stride;
    for (; known_ < strides; ++known_) {
      const auto next = extend(checksum_of(known_), begin_ + known_ * stride, begin_ + (known_ + 1) * stride);
      if (!next) return std::nullopt;
      checksum_of(known_ + 1) = *next;
    }
    return extend(checksum_of(strides), begin_ + strides * stride, to);
  }

  Source<S>* source_;
  std::uint64_t begin_;
  std::unique_ptr<std::uint32_t[]> prefixes_;  // of [begin, begin + n * stride), once one was needed
  std::uint64_t kept_ = 0;                     // how many there is room for
  std::uint64_t known_ = 0;                    // the highest n
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_RANGE_CHECKSUMS_HPP
