// SPDX-License-Identifier: MIT
//
// The Compressor policy, and the two guarded ways to call one.
// A compressor may be called from several threads at once. Whether a frame is worth storing compressed, and what its
// bytes mean, is left to the log and its readers.

#ifndef REWAL_POLICY_COMPRESSOR_HPP
#define REWAL_POLICY_COMPRESSOR_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>

namespace rewal {

namespace detail {

template <class C>
concept Compresses = requires(C& c, Bytes source, std::vector<std::byte>& target) {
  { c.compress(source, target) } -> std::same_as<Result<void>>;
};
template <class C>
concept DecompressesUnbounded = requires(C& c, Bytes source, std::vector<std::byte>& target) {
  { c.decompress(source, target) } -> std::same_as<Result<void>>;
};
template <class C>
concept DecompressesBounded = requires(C& c, Bytes source, std::vector<std::byte>& target, std::size_t most) {
  { c.decompress(source, target, most) } -> std::same_as<Result<void>>;
};

}  // namespace detail

/// The default: frames are stored as they are.
struct NoCompressor {};

/// A policy that shrinks the records of a frame, or NoCompressor. `compress` and `decompress` append to their target.
/// `decompress` may take a third parameter, the most bytes it may produce; one that does not is trusted to be bounded
/// by itself, and what it produced is checked afterwards. An error fails that append alone and is returned as it is; an
/// exception becomes `invalid_record` (`corrupted` when reading). Called from several threads at once.
template <class C>
concept Compressor = std::is_same_v<C, NoCompressor> ||
    (detail::Compresses<C> && (detail::DecompressesBounded<C> || detail::DecompressesUnbounded<C>));

namespace detail {

template <class C>
inline constexpr bool has_compressor = !std::is_same_v<C, NoCompressor>;

/// Instantiated by the log: the compiler says what is missing.
template <class C>
consteval bool require_compressor() {
  static_assert(!has_compressor<C> || Compresses<C>,
                "rewal: a Compressor needs Result<void> compress(Bytes, std::vector<std::byte>& target)");
  static_assert(
      !has_compressor<C> || DecompressesBounded<C> || DecompressesUnbounded<C>,
      "rewal: a Compressor needs Result<void> decompress(Bytes, std::vector<std::byte>& target, std::size_t most)");
  return true;
}

// The mistake, as a type whose name says it: a compiler shows it where the builder refuses the compressor.
struct compressor_needs_compress_Bytes_vector_of_byte;
struct compressor_needs_decompress_Bytes_vector_of_byte_size_t;

template <class C>
using MistakeInCompressor = std::conditional_t<Compresses<C>, compressor_needs_decompress_Bytes_vector_of_byte_size_t,
                                               compressor_needs_compress_Bytes_vector_of_byte>;

/// Appends the compressed `source` to `target`; nothing escapes.
template <Compressor C>
[[nodiscard]] Result<void> compress_guarded(C& compressor, Bytes source, std::vector<std::byte>& target) {
  REWAL_TRY { return compressor.compress(source, target); }
  REWAL_CATCH_ALL {
    return Error(Errc::invalid_record, "the compressor threw an exception: the event was not appended");
  }
}

/// Appends the decompressed `source` to `target`, at most `most` bytes; nothing escapes.
template <Compressor C>
[[nodiscard]] Result<void> decompress_guarded(C& compressor, Bytes source, std::vector<std::byte>& target,
                                              std::uint64_t most) {
  const std::size_t before = target.size();
  const auto limit = static_cast<std::size_t>((std::min<std::uint64_t>)(most, SIZE_MAX));
  REWAL_TRY {
    Result<void> done;
    if constexpr (DecompressesBounded<C>) {
      done = compressor.decompress(source, target, limit);
    } else {
      done = compressor.decompress(source, target);
    }
    if (done && target.size() - before > limit) {
      return Error(Errc::corrupted, "a compressed frame holds more than max_frame_bytes: raise that limit to read it");
    }
    return done;
  }
  REWAL_CATCH_ALL {
    return Error(
        Errc::corrupted,
        "the compressor threw an exception: the frame was written with another one or is damaged, or memory ran out");
  }
}

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_POLICY_COMPRESSOR_HPP
