// SPDX-License-Identifier: MIT
//
// The cache of mappings over a made-up file system, of both kinds: one that maps past a file's end, and one that does
// not.

#include <rewal/storage/mapping.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <system_error>
#include <vector>

namespace {

using rewal::Errc;
using rewal::Error;
using rewal::Result;

/// Nothing is looked at, so nothing is there.
struct MadeUpRegion {
  std::size_t bytes = 0;
  [[nodiscard]] const std::byte* data() const noexcept { return nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes; }
};

template <bool past_the_end>
struct MadeUp {
  using Region = MadeUpRegion;
  struct File {
    std::uint64_t bytes = 0;
  };
  static constexpr bool maps_past_the_end = past_the_end;

  std::vector<std::size_t> asked_for;
  std::size_t most = SIZE_MAX;  // larger mappings fail
  bool knows_sizes = true;

  Result<Region> map(const File&, std::size_t size) {
    asked_for.push_back(size);
    if (size > most) return Error(Errc::io, std::make_error_code(std::errc::not_enough_memory));
    return Region{size};
  }
  Result<std::uint64_t> size(const File& file) {
    if (!knows_sizes) return Error(Errc::io, std::error_code(EIO, std::generic_category()));
    return file.bytes;
  }
};

template <bool past_the_end>
struct Cached {
  MadeUp<past_the_end> files;
  typename MadeUp<past_the_end>::File file;
  rewal::detail::MappingCache<MadeUp<past_the_end>> cache;

  auto get(std::uint64_t size) { return cache.get(files, file, size); }
};

using Sizes = std::vector<std::size_t>;
constexpr std::size_t headroom = std::size_t{sizeof(void*) >= 8 ? 256 : 1} << 20;

}  // namespace

TEST_CASE("a file of half of all addresses is not mapped, and nothing is asked of the system") {
  Cached<true> cached;
  const auto view = cached.get(std::uint64_t{SIZE_MAX / 2} + 1);
  REQUIRE_FALSE(view);
  CHECK(view.error().system() == std::errc::not_enough_memory);
  CHECK(cached.files.asked_for.empty());
}

TEST_CASE("a mapping that fails is told, and tried again the next time") {
  Cached<true> cached;
  cached.files.most = 0;
  CHECK(cached.get(10).error().system() == std::errc::not_enough_memory);
  cached.files.most = SIZE_MAX;
  CHECK(cached.get(10));
}

TEST_CASE("a file that has outgrown its mapping is mapped anew, and one that has not is not") {
  Cached<true> cached;
  CHECK(cached.get(10));
  CHECK(cached.get(headroom));
  CHECK(cached.files.asked_for == Sizes{10 + headroom});
  CHECK(cached.get(headroom + 11));
  CHECK(cached.files.asked_for.size() == 2);
}

#if SIZE_MAX > 0xFFFFFFFF
TEST_CASE("a large file is mapped with as much headroom as it is long") {
  Cached<true> cached;
  CHECK(cached.get(3 * headroom));
  CHECK(cached.files.asked_for == Sizes{6 * headroom});
}
#endif

TEST_CASE("where nothing can be mapped past the end, all that the file has is mapped") {
  Cached<false> cached;
  cached.file.bytes = 1000;
  CHECK(cached.get(10));
  CHECK(cached.get(1000));
  CHECK(cached.files.asked_for == Sizes{1000});
  cached.file.bytes = 2000;
  CHECK(cached.get(2000));
  CHECK(cached.files.asked_for == Sizes{1000, 2000});
}

TEST_CASE("where the whole file cannot be mapped, or how long it is cannot be told, what was asked for is") {
  Cached<false> cached;
  cached.file.bytes = 1000;
  cached.files.most = 100;
  CHECK(cached.get(10));
  CHECK(cached.files.asked_for == Sizes{1000, 10});
  cached.cache.drop();
  cached.files.knows_sizes = false;
  CHECK(cached.get(20));
  cached.files.knows_sizes = true;
  cached.cache.drop();
  cached.file.bytes = UINT64_MAX;
  CHECK(cached.get(30));
  CHECK(cached.files.asked_for == Sizes{1000, 10, 20, 30});
}
