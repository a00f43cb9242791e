// SPDX-License-Identifier: MIT
//
// The names of the files that errors speak of. An Error owns nothing and outlives the log, so the name that it points to is
// kept until the process ends, once for each file that ever had an error. Any thread.
//
// EDGE
//   kept  a name is complete before the list shows it: `newest_kept_name` is exchanged with release, read with acquire.
// Names are only ever added, so a thread that walks the list, also in a forked child, meets no lock.

#ifndef REWAL_STORAGE_FILE_NAMES_HPP
#define REWAL_STORAGE_FILE_NAMES_HPP

#include <atomic>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/path.hpp>

namespace rewal::detail {

struct KeptName {
  std::string text;
  const KeptName* older;
  std::size_t count;  // of names, with this one
};

inline std::atomic<const KeptName*> newest_kept_name{nullptr};

/// A program that opens files without end must not fill its memory with their names: errors of later ones have none.
inline constexpr std::size_t most_kept_names = 10'000;

/// The same text, for ever. Null where there is no memory for it, or too many names are kept.
[[nodiscard]] inline const char* kept_name(std::string text) noexcept {
  const KeptName* newest = newest_kept_name.load(std::memory_order_acquire);
  const KeptName* searched = nullptr;
  std::unique_ptr<KeptName> made;
  for (;;) {
    const std::string& wanted = made ? made->text : text;
    for (const KeptName* name = newest; name != searched; name = name->older) {
      if (name->text == wanted) return name->text.c_str();
    }
    searched = newest;
    const std::size_t count = newest == nullptr ? 1 : newest->count + 1;
    if (count > most_kept_names) return nullptr;
    if (!made) made.reset(new (std::nothrow) KeptName{std::move(text), nullptr, 0});
    if (!made) return nullptr;
    made->older = newest;
    made->count = count;
    if (newest_kept_name.compare_exchange_weak(newest, made.get(), std::memory_order_acq_rel,
                                               std::memory_order_acquire)) {
      return made.release()->text.c_str();
    }
  }
}

/// The error with the name of its file, unless it has one. Out of line, since calls of a storage are inlined into appends.
[[nodiscard]] REWAL_NOINLINE inline Error in_file(const Error& error, const NativePath& path) noexcept {
  if (!error.file().empty()) return error;
  REWAL_TRY {
    const char* const name = kept_name(to_utf8(path));
    return name == nullptr ? error : error.in_file(name);
  }
  REWAL_CATCH_ALL { return error; }
}

/// A storage that knows the name of its file. Optional: errors of one that does not say nothing of a file.
template <class S>
concept NamesItsFile = requires(const S& storage, const Error& error) {
  { storage.in_file(error) } -> std::same_as<Error>;
  requires noexcept(storage.in_file(error));
};

/// The error with the name of the storage's file, where it has one.
template <class S>
[[nodiscard]] Error named_by(const S& storage, const Error& error) noexcept {
  if constexpr (NamesItsFile<S>) return storage.in_file(error);
  return error;
}

/// The same of a call's result.
template <class S, class T>
[[nodiscard]] REWAL_INLINE Result<T> named_by(const S& storage, Result<T>&& result) {
  if (REWAL_UNLIKELY(!result)) return named_by(storage, result.error());
  return std::move(result);
}

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_FILE_NAMES_HPP
