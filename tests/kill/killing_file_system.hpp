// SPDX-License-Identifier: MIT
//
// KillingFileSystem: the real one, which kills its own process at a call that was chosen. One thread at a time.

#ifndef REWAL_TESTS_KILL_KILLING_FILE_SYSTEM_HPP
#define REWAL_TESTS_KILL_KILLING_FILE_SYSTEM_HPP

#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <rewal/storage/file_storage.hpp>

namespace rewal_kill {

using rewal::Bytes;
using rewal::Result;
namespace detail = rewal::detail;

/// Where the process ends: at the k-th call of a kind, before it, when half of a write is done, or after it.
struct KillPoint {
  enum Kind : std::uint64_t { write, sync, truncate, allocate, rename, create, directory, open, close, any, kinds };
  enum When : std::uint64_t { before, halfway, after };
  Kind kind = any;
  When when = before;
  std::uint64_t k = 0;  // 0: never
};

[[noreturn]] inline void kill_self() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

struct KillingFileSystem : detail::NativeFileSystem {
  using Base = detail::NativeFileSystem;
  std::shared_ptr<KillPoint> point = std::make_shared<KillPoint>();

  template <class Call>
  auto or_kill(KillPoint::Kind kind, Call call) -> decltype(call()) {
    const bool now = is_due(kind);
    if (now && point->when != KillPoint::after) kill_self();
    auto result = call();
    if (now) kill_self();
    return result;
  }

  Result<File> open_or_create(const detail::NativePath& path) {
    return or_kill(KillPoint::open, [&] { return Base::open_or_create(path); });
  }
  Result<File> create_new(const detail::NativePath& path, const File& like) {
    return or_kill(KillPoint::create, [&] { return Base::create_new(path, like); });
  }
  Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) {
    if (is_due(KillPoint::write)) {
      if (point->when == KillPoint::halfway)
        static_cast<void>(Base::write_at(file, bytes.first(bytes.size() / 2), offset));
      if (point->when == KillPoint::after) static_cast<void>(Base::write_at(file, bytes, offset));
      kill_self();
    }
    return Base::write_at(file, bytes, offset);
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    return or_kill(KillPoint::truncate, [&] { return Base::truncate(file, size); });
  }
  Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) {
    return or_kill(KillPoint::allocate, [&] { return Base::allocate(file, from, to); });
  }
  // Power does not fail here, so an fsync changes nothing that could be seen: most of them are spared.
  Result<void> sync_data(const File& file) {
    return or_kill(KillPoint::sync, [&] { return real_syncs ? Base::sync_data(file) : Result<void>(); });
  }
  Result<void> sync_all(const File& file) {
    return or_kill(KillPoint::sync, [&] { return real_syncs ? Base::sync_all(file) : Result<void>(); });
  }
  Result<void> sync_directory_of(const detail::NativePath& path) {
    return or_kill(KillPoint::directory, [&] { return real_syncs ? Base::sync_directory_of(path) : Result<void>(); });
  }
  Result<void> rename_new(const detail::NativePath& from, const detail::NativePath& to) {
    return or_kill(KillPoint::rename, [&] { return Base::rename_new(from, to); });
  }
  Result<void> close(File& file) {
    return or_kill(KillPoint::close, [&] { return Base::close(file); });
  }

  bool real_syncs = false;

 private:
  /// Counts down the calls of the kind; one process, calls that never overlap.
  [[nodiscard]] bool is_due(KillPoint::Kind kind) const {
    return (point->kind == kind || point->kind == KillPoint::any) && point->k != 0 && --point->k == 0;
  }
};

using KillingStorage = detail::BasicFileStorage<KillingFileSystem>;

}  // namespace rewal_kill

#endif  // REWAL_TESTS_KILL_KILLING_FILE_SYSTEM_HPP
