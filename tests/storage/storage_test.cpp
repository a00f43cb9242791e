// SPDX-License-Identifier: MIT
//
// Which types are storages, and which of their members count as optional extras.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <rewal/storage/storage.hpp>
#include <span>
#include <string>

namespace {

using rewal::Bytes;
using rewal::Result;
namespace detail = rewal::detail;

struct Least {
  Result<std::size_t> write(Bytes bytes) { return bytes.size(); }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return std::uint64_t{0}; }
  Result<void> truncate(std::uint64_t) { return {}; }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return std::size_t{0}; }
};

struct NoExceptAndConst {
  Result<std::size_t> write(Bytes bytes) noexcept { return bytes.size(); }
  Result<void> sync() const noexcept { return {}; }
  Result<void> close() noexcept { return {}; }
  Result<std::uint64_t> size() const noexcept { return std::uint64_t{0}; }
  Result<void> truncate(std::uint64_t) noexcept { return {}; }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) const noexcept { return std::size_t{0}; }
};

struct MoveOnly : Least {
  MoveOnly() = default;
  MoveOnly(MoveOnly&&) = default;
};
struct Immovable : Least {
  Immovable(Immovable&&) = delete;
};

struct NoWrite : Least {
  void write(Bytes) = delete;
};
struct WriteReturnsNothing : Least {
  Result<void> write(Bytes) { return {}; }
};
struct WriteOfMutableBytes : Least {
  Result<std::size_t> write(std::span<std::byte>) { return std::size_t{0}; }
};
struct SyncReturnsBool : Least {
  bool sync() { return true; }
};
struct PrivateClose : Least {
 private:
  Result<void> close() { return {}; }
};
struct SizeIsPlain : Least {
  std::uint64_t size() { return 0; }
};
struct TruncateTakesNothing : Least {
  Result<void> truncate() { return {}; }
};
struct ReadAtReadsConst : Least {
  Result<std::size_t> read_at(std::span<const std::byte>, std::string) { return std::size_t{0}; }
};

static_assert(rewal::Storage<Least>);
static_assert(rewal::Storage<NoExceptAndConst>);
static_assert(rewal::Storage<MoveOnly>);
static_assert(rewal::Storage<rewal::FileStorage>);
static_assert(rewal::Storage<rewal::MemoryStorage>);

static_assert(!rewal::Storage<int>);
static_assert(!rewal::Storage<Least&>);
static_assert(!rewal::Storage<const Least>);
static_assert(!rewal::Storage<Immovable>);
static_assert(!rewal::Storage<NoWrite> && !detail::StorageHasWrite<NoWrite> && detail::StorageHasSync<NoWrite>);
static_assert(!detail::StorageHasWrite<WriteReturnsNothing> && !detail::StorageHasWrite<WriteOfMutableBytes>);
static_assert(!rewal::Storage<SyncReturnsBool> && !detail::StorageHasSync<SyncReturnsBool>);
static_assert(!rewal::Storage<PrivateClose> && !detail::StorageHasClose<PrivateClose>);
static_assert(!rewal::Storage<SizeIsPlain> && !detail::StorageHasSize<SizeIsPlain>);
static_assert(!rewal::Storage<TruncateTakesNothing> && !detail::StorageHasTruncate<TruncateTakesNothing>);
static_assert(!rewal::Storage<ReadAtReadsConst> && !detail::StorageHasReadAt<ReadAtReadsConst>);

// Extras that are there.

struct View {
  Bytes bytes() const { return {}; }
};
struct Everything : Least {
  Result<std::string> preserve(std::uint64_t, Bytes) { return std::string(); }
  Result<std::shared_ptr<const View>> map(std::uint64_t) { return std::shared_ptr<const View>(); }
  Result<void> preallocate(std::uint64_t) { return {}; }
};

template <class S>
inline constexpr int extras = (detail::PreservingStorage<S> ? 1 : 0) + (detail::MappingStorage<S> ? 2 : 0) +
                              (detail::PreallocatingStorage<S> ? 4 : 0);

static_assert(extras<Least> == 0 && detail::storage_extras_fit<Least>);
static_assert(extras<Everything> == 7 && detail::storage_extras_fit<Everything>);
static_assert(extras<rewal::FileStorage> == 7 && detail::storage_extras_fit<rewal::FileStorage>);
static_assert(extras<rewal::MemoryStorage> == 1 && detail::storage_extras_fit<rewal::MemoryStorage>);
static_assert(detail::require_storage<Everything>());

// Extras that would be lost in silence.

struct PreserveReturnsNothing : Least {
  Result<void> preserve(std::uint64_t, Bytes) { return {}; }
};
struct PreserveTakesOne : Least {
  Result<std::string> preserve(Bytes) { return std::string(); }
};
struct MapReturnsSpan : Least {
  Result<Bytes> map(std::uint64_t) { return Bytes(); }
};
struct MapOfNoBytes : Least {
  Result<std::shared_ptr<const int>> map(std::uint64_t) { return std::shared_ptr<const int>(); }
};
struct PreallocateOverloaded : Least {
  void preallocate(std::uint64_t) {}
  void preallocate(std::string) {}
};
struct FinalPreallocate final : Least {
  Result<bool> preallocate(std::uint64_t) { return true; }
};

static_assert(extras<PreserveReturnsNothing> == 0 && !detail::preserve_fits<PreserveReturnsNothing>);
static_assert(extras<PreserveTakesOne> == 0 && !detail::preserve_fits<PreserveTakesOne>);
static_assert(extras<MapReturnsSpan> == 0 && !detail::map_fits<MapReturnsSpan>);
static_assert(extras<MapOfNoBytes> == 0 && !detail::map_fits<MapOfNoBytes>);
static_assert(extras<PreallocateOverloaded> == 0 && !detail::preallocate_fits<PreallocateOverloaded>);
static_assert(extras<FinalPreallocate> == 0 && !detail::storage_extras_fit<FinalPreallocate>);

// What a storage keeps for itself is nobody's extra.

struct MapIsPrivate : Least {
 private:
  [[maybe_unused]] int map = 0;
};
struct MapIsData : Least {
  int map = 0;
};
static_assert(detail::storage_extras_fit<MapIsPrivate> && detail::storage_extras_fit<MapIsData>);

}  // namespace

TEST_CASE("a storage with the least members works through the concept") {
  Least storage;
  const std::byte bytes[3] = {};
  CHECK(storage.write(bytes) == std::size_t{3});
}
