// SPDX-License-Identifier: MIT
//
// A program that loads a library which has a log in static storage, and then ends, or unloads it, while the log is open.
// Nothing that was appended may be lost, and nothing may hang.
//
//   exit LIBRARY LOG     opens, appends, and returns from main
//   unload LIBRARY LOG   opens, appends, unloads the library, and returns from main
//   close LIBRARY LOG    opens, appends, closes and unloads; the library must be gone, and the log whole
//   judge LIBRARY LOG    what one of them has left

#include <cstdio>
#include <filesystem>
#include <libraries/static_log.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <string_view>

#if REWAL_WINDOWS
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

constexpr int events = 20'000;

class Library {
 public:
#if REWAL_WINDOWS
  explicit Library(const char* path) : path_(path), handle_(::LoadLibraryA(path)) {}
#else
  explicit Library(const char* path) : handle_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {}
#endif
  template <class F>
  F* function(const char* name) const {
#if REWAL_WINDOWS
    return reinterpret_cast<F*>(reinterpret_cast<void (*)()>(::GetProcAddress(handle_, name)));
#else
    return reinterpret_cast<F*>(::dlsym(handle_, name));
#endif
  }
  bool loaded() const { return handle_ != nullptr; }
  void unload() const {
#if REWAL_WINDOWS
    ::FreeLibrary(handle_);
#else
    ::dlclose(handle_);
#endif
  }
#if REWAL_WINDOWS
  bool is_gone() const { return ::GetModuleHandleA(path_) == nullptr; }
#endif

 private:
#if REWAL_WINDOWS
  const char* path_;
  HMODULE handle_;
#else
  void* handle_;
#endif
};

int failed(const char* what) {
  std::fprintf(stderr, "%s failed\n", what);
  return 1;
}

int judge(const char* log) {
  auto wal = rewal::Wal<>::open(log).build();
  if (!wal) return failed(wal.error().message().c_str());
  if (wal->last_lsn() != events) return failed(("finding all of " + std::to_string(wal->last_lsn())).c_str());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return failed("counting the arguments");
  const std::string_view mode = arguments[1];
  const char* const log = arguments[3];
  if (mode == "judge") return judge(log);
  std::filesystem::remove(log);
  const Library library(arguments[2]);
  if (!library.loaded()) return failed("loading the library");
  if (library.function<int(const char*)>("static_log_open")(log) != 0) return failed("opening");
  if (library.function<int(int)>("static_log_append")(events) != 0) return failed("appending");
  if (mode == "exit") return 0;
  if (mode == "close" && library.function<int()>("static_log_close")() != 0) return failed("closing");
  library.unload();
  if (mode == "unload") return 0;
#if REWAL_WINDOWS  // elsewhere the loader may keep it
  if (!library.is_gone()) return failed("unloading");
#endif
  return judge(log);
}
