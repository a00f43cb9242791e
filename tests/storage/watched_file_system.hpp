// SPDX-License-Identifier: MIT
//
// The real file system with every call noted, and refused when the test asks for it.

#ifndef REWAL_TESTS_STORAGE_WATCHED_FILE_SYSTEM_HPP
#define REWAL_TESTS_STORAGE_WATCHED_FILE_SYSTEM_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <span>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace rewal_test {

using rewal::BytesArg;
using rewal::Errc;
using rewal::Error;
using rewal::Result;
namespace detail = rewal::detail;

using Calls = std::vector<std::string>;

/// What one file system was asked for, and which call of it fails.
struct Watch {
  Calls calls;
  std::size_t failing = SIZE_MAX;  // number of the call
  std::string always_failing;      // or its name
  std::string failing_too;         // another one
  int error = 5;                   // EIO
  std::size_t most_written = SIZE_MAX;
  bool writes_before_failing = false;
  bool allocates_before_failing = false;
  bool claims_more = false;          // than was written
  bool reads_nothing = false;        // as from a file that became shorter
  bool is_a_fork = false;            // the lock is its parent's
  bool mapped_files_refuse = false;  // to be cut, as on Windows
  std::function<void()> on_read = [] {};
  std::function<void()> on_map = [] {};

  bool fails(const std::string& call) {
    calls.push_back(call);
    return calls.size() - 1 == failing || call == always_failing || call == failing_too;
  }
  Error failure() const { return {Errc::io, std::error_code(error, std::generic_category())}; }
};

/// The real file system, with every call noted and, when asked to, refused before it does anything.
struct WatchedFileSystem : detail::NativeFileSystem {
  using Base = detail::NativeFileSystem;
  std::shared_ptr<Watch> watch = std::make_shared<Watch>();

  template <class Call>
  auto noted(const char* name, Call call) -> decltype(call()) {
    if (watch->fails(name)) return watch->failure();
    return call();
  }

  Result<File> open_or_create(const detail::NativePath& path) {
    return noted("open", [&] { return Base::open_or_create(path); });
  }
  Result<File> create_new(const detail::NativePath& path, const File& like) {
    return noted("create copy", [&] { return Base::create_new(path, like); });
  }
  Result<File> open_existing(const detail::NativePath& path) {
    return noted("look for copy", [&] { return Base::open_existing(path); });
  }
  Result<std::uint64_t> size(const File& file) {
    return noted("size", [&] { return Base::size(file); });
  }
  Result<detail::FileStatus> status(const File& file) {
    return noted("status", [&] { return Base::status(file); });
  }
  Result<std::size_t> read_at(const File& file, std::span<std::byte> into, std::uint64_t offset) {
    return noted("read", [&] {
      watch->on_read();
      return watch->reads_nothing ? Result<std::size_t>(std::size_t{0}) : Base::read_at(file, into, offset);
    });
  }
  Result<std::size_t> write_at(const File& file, rewal::Bytes bytes, std::uint64_t offset) {
    bytes = bytes.first((std::min)(bytes.size(), watch->most_written));
    if (watch->writes_before_failing) static_cast<void>(Base::write_at(file, bytes, offset));
    return noted("write", [&]() -> Result<std::size_t> {
      const auto count = Base::write_at(file, bytes, offset);
      return count && watch->claims_more ? *count + 1 : count;
    });
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    return noted("truncate", [&] { return Base::truncate(file, size); });
  }
  Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) {
    if (watch->allocates_before_failing) static_cast<void>(Base::truncate(file, to));
    return noted("allocate", [&] { return Base::allocate(file, from, to); });
  }
  Result<void> sync_data(const File& file) {
    return noted("sync data", [&] { return Base::sync_data(file); });
  }
  Result<void> sync_all(const File& file) {
    return noted("sync all", [&] { return Base::sync_all(file); });
  }
  Result<void> sync_directory_of(const detail::NativePath& path) {
    return noted("sync directory", [&] { return Base::sync_directory_of(path); });
  }
  Result<void> lock(File& file) {
    return noted("lock", [&] { return Base::lock(file); });
  }
  [[nodiscard]] bool holds_lock(const File& file) const { return !watch->is_a_fork && Base::holds_lock(file); }
  [[nodiscard]] bool refused_by_mapping(const Error& error) const {
    return watch->mapped_files_refuse || Base::refused_by_mapping(error);
  }
  Result<void> unlock(File& file) {
    // Done even if it "fails": the lock of a real file would otherwise outlast the test.
    auto result = Base::unlock(file);
    return noted("unlock", [&] { return result; });
  }
  Result<void> close(File& file) {
    auto result = Base::close(file);
    return noted("close", [&] { return result; });
  }
  Result<Region> map(const File& file, std::size_t size) {
    watch->on_map();
    return noted("map", [&] { return Base::map(file, size); });
  }
  Result<void> rename_new(const detail::NativePath& from, const detail::NativePath& to) {
    return noted("rename", [&] { return Base::rename_new(from, to); });
  }
  Result<void> remove(const detail::NativePath& path) {
    return noted("remove", [&] { return Base::remove(path); });
  }
};

using Watched = detail::BasicFileStorage<WatchedFileSystem>;
static_assert(rewal::Storage<Watched>);

struct Home {
  rewal_test::TempDir dir;
  WatchedFileSystem files;

  Result<Watched> open() { return Watched::open(dir.file("log.wal"), files); }
  Calls calls() { return std::exchange(files.watch->calls, {}); }
  void refuse(std::string call) { files.watch->always_failing = std::move(call); }
};

inline const auto abc = BytesArg("abc").bytes();

}  // namespace rewal_test

#endif  // REWAL_TESTS_STORAGE_WATCHED_FILE_SYSTEM_HPP
