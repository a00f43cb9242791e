// SPDX-License-Identifier: MIT
//
// What a log asks of the place it keeps its bytes in: the Storage concept, member by member, and its optional extras.
// Threads: write, sync, truncate, preallocate and close never overlap one another; read_at, size and map may run
// beside any of them, close included. Frames and LSNs are left to others: a storage sees only bytes.

#ifndef REWAL_STORAGE_STORAGE_HPP
#define REWAL_STORAGE_STORAGE_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/result.hpp>

namespace rewal {
namespace detail {

// One concept a member, so that the compiler's message names the member that is missing or wrong.

/// `Result<std::size_t> write(Bytes)`: appends at the end and returns how many bytes it took, perhaps fewer.
template <class S>
concept StorageHasWrite = requires(S& storage, Bytes bytes) {
  { storage.write(bytes) } -> std::same_as<Result<std::size_t>>;
};

/// `Result<void> sync()`: success means that everything written before the call survives a power loss.
template <class S>
concept StorageHasSync = requires(S& storage) {
  { storage.sync() } -> std::same_as<Result<void>>;
};

/// `Result<void> close()`: gives up what the storage holds; called once more it succeeds.
template <class S>
concept StorageHasClose = requires(S& storage) {
  { storage.close() } -> std::same_as<Result<void>>;
};

/// `Result<std::uint64_t> size()`: where the next write goes.
template <class S>
concept StorageHasSize = requires(S& storage) {
  { storage.size() } -> std::same_as<Result<std::uint64_t>>;
};

/// `Result<void> truncate(std::uint64_t n)`: n becomes the end; what followed is discarded.
template <class S>
concept StorageHasTruncate = requires(S& storage, std::uint64_t n) {
  { storage.truncate(n) } -> std::same_as<Result<void>>;
};

/// `Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t offset)`: may be short; 0 is the end.
template <class S>
concept StorageHasReadAt = requires(S& storage, std::span<std::byte> into, std::uint64_t offset) {
  { storage.read_at(into, offset) } -> std::same_as<Result<std::size_t>>;
};

/// A storage is passed by value and owned by the log.
template <class S>
concept StorageIsMovable = std::is_object_v<S> && std::move_constructible<S> && std::destructible<S>;

}  // namespace detail

/// The place where a log keeps its bytes: one growing run of them that can be cut at its end.
///
/// Required of a type that has these members:
///  - write, sync, truncate and close are never called beside one another, so they need no lock among themselves;
///  - read_at and size are called beside any of them, from any number of threads;
///  - after an error of write or sync the log writes no more, so neither has to work again;
///  - what it throws is caught and taken as an error.
/// A storage that must be observed from outside holds its state in a std::shared_ptr.
template <class S>
concept Storage = detail::StorageIsMovable<S> && detail::StorageHasWrite<S> && detail::StorageHasSync<S> &&
    detail::StorageHasClose<S> && detail::StorageHasSize<S> && detail::StorageHasTruncate<S> &&
    detail::StorageHasReadAt<S>;

namespace detail {

template <class P>
inline constexpr bool is_mapping_pointer = false;
template <class M>
inline constexpr bool is_mapping_pointer<std::shared_ptr<M>> = requires(M& mapping) {
  { mapping.bytes() } -> std::convertible_to<Bytes>;
};

template <class R>
inline constexpr bool is_mapping_result = false;
template <class P>
inline constexpr bool is_mapping_result<Result<P>> = is_mapping_pointer<P>;

/// Optional: `Result<std::string> preserve(std::uint64_t offset, Bytes)` keeps a durable copy of bytes that are about
/// to be cut at `offset`, never in the place of an earlier different copy, and returns its name.
template <class S>
concept PreservingStorage = requires(S& storage, std::uint64_t offset, Bytes bytes) {
  { storage.preserve(offset, bytes) } -> std::same_as<Result<std::string>>;
};

/// Optional: `Result<std::shared_ptr<const M>> map(std::uint64_t size)`, where `M::bytes()` are exactly the bytes
/// [0, size). Valid for as long as the pointer lives, also after close() and destruction of the storage, neither of
/// which waits for it. Bytes that truncate() cut must not be touched through an older mapping.
template <class S>
concept MappingStorage = requires(S& storage, std::uint64_t size) {
  requires is_mapping_result<decltype(storage.map(size))>;
};

/// Optional: `Result<void> preallocate(std::uint64_t size)` makes room for `size` bytes in all, so that writes below
/// it change no metadata. The end, and so size(), stays where it is. Its failure is no error of the log.
template <class S>
concept PreallocatingStorage = requires(S& storage, std::uint64_t size) {
  { storage.preallocate(size) } -> std::same_as<Result<void>>;
};

/// Optional: `std::uint64_t next_data(std::uint64_t offset)`, where bytes that were written begin, at `offset` or behind it.
/// Before that is a hole, which reads as zeros; the end of the storage where nothing more was written. A hint.
template <class S>
concept HoleTellingStorage = requires(S& storage, std::uint64_t offset) {
  { storage.next_data(offset) } -> std::same_as<std::uint64_t>;
};

// A member that looks like an extra: a public member function of that name, or one that takes the extra's arguments.

template <class S>
inline constexpr bool names_preserve = requires {
  requires std::is_member_function_pointer_v<decltype(&S::preserve)>;
}
|| requires(S& storage, std::uint64_t offset, Bytes bytes) { storage.preserve(offset, bytes); };

template <class S>
inline constexpr bool names_map = requires {
  requires std::is_member_function_pointer_v<decltype(&S::map)>;
}
|| requires(S& storage, std::uint64_t size) { storage.map(size); };

template <class S>
inline constexpr bool names_preallocate = requires {
  requires std::is_member_function_pointer_v<decltype(&S::preallocate)>;
}
|| requires(S& storage, std::uint64_t size) { storage.preallocate(size); };

template <class S>
inline constexpr bool preserve_fits = !names_preserve<S> || PreservingStorage<S>;
template <class S>
inline constexpr bool map_fits = !names_map<S> || MappingStorage<S>;
template <class S>
inline constexpr bool preallocate_fits = !names_preallocate<S> || PreallocatingStorage<S>;

/// No extra of S would be lost in silence over its signature.
template <class S>
inline constexpr bool storage_extras_fit = preserve_fits<S>&& map_fits<S>&& preallocate_fits<S>;

/// Instantiated by the log: stops the compiler at the member that is missing or wrong, with its name.
template <class S>
consteval bool require_storage() {
  static_assert(StorageIsMovable<S>,
                "rewal: a Storage is an object that can be moved: the log owns it, passed by value");
  static_assert(StorageHasWrite<S>, "rewal: a Storage needs Result<std::size_t> write(Bytes)");
  static_assert(StorageHasSync<S>, "rewal: a Storage needs Result<void> sync()");
  static_assert(StorageHasClose<S>, "rewal: a Storage needs Result<void> close()");
  static_assert(StorageHasSize<S>, "rewal: a Storage needs Result<std::uint64_t> size()");
  static_assert(StorageHasTruncate<S>, "rewal: a Storage needs Result<void> truncate(std::uint64_t end)");
  static_assert(StorageHasReadAt<S>,
                "rewal: a Storage needs Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t offset)");
  static_assert(preserve_fits<S>,
                "rewal: a Storage's preserve is: Result<std::string> preserve(std::uint64_t offset, Bytes)");
  static_assert(map_fits<S>,
                "rewal: a Storage's map is: Result<std::shared_ptr<const M>> map(std::uint64_t size), "
                "where M has: Bytes bytes() const");
  static_assert(preallocate_fits<S>, "rewal: a Storage's preallocate is: Result<void> preallocate(std::uint64_t size)");
  return true;
}

// The first mistake, as a type whose name says it: a compiler shows it where the builder refuses the storage.
struct storage_is_an_object_that_can_be_moved;
struct storage_needs_Result_size_t_write_Bytes;
struct storage_needs_Result_void_sync;
struct storage_needs_Result_void_close;
struct storage_needs_Result_uint64_t_size;
struct storage_needs_Result_void_truncate_uint64_t;
struct storage_needs_Result_size_t_read_at_span_of_byte_uint64_t;

template <class S>
auto mistake_in_storage() {
  if constexpr (!StorageIsMovable<S>) {
    return static_cast<storage_is_an_object_that_can_be_moved*>(nullptr);
  } else if constexpr (!StorageHasWrite<S>) {
    return static_cast<storage_needs_Result_size_t_write_Bytes*>(nullptr);
  } else if constexpr (!StorageHasSync<S>) {
    return static_cast<storage_needs_Result_void_sync*>(nullptr);
  } else if constexpr (!StorageHasClose<S>) {
    return static_cast<storage_needs_Result_void_close*>(nullptr);
  } else if constexpr (!StorageHasSize<S>) {
    return static_cast<storage_needs_Result_uint64_t_size*>(nullptr);
  } else if constexpr (!StorageHasTruncate<S>) {
    return static_cast<storage_needs_Result_void_truncate_uint64_t*>(nullptr);
  } else {
    return static_cast<storage_needs_Result_size_t_read_at_span_of_byte_uint64_t*>(nullptr);
  }
}
template <class S>
using MistakeInStorage = std::remove_pointer_t<decltype(mistake_in_storage<S>())>;

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_STORAGE_STORAGE_HPP
