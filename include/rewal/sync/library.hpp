// SPDX-License-Identifier: MIT
//
// What Windows does to the threads of a shared library (DLL). Where the system does not, everything here is empty.
// Any thread. What a log does about it is left to the log.
//
// AT THE END OF THE PROCESS Windows first ends all threads but one, wherever they stand, and then destroys what libraries
// hold. A log in there has no writer thread any more, and whoever waited for it would wait for ever.
//
// WHEN A LIBRARY IS UNLOADED no thread can end meanwhile, so joining one would wait for ever, too, and code that a thread
// still runs would be gone. So a library in which a log is open counts as loaded once more: FreeLibrary() returns, and the
// library goes away with the process, or when the log is destroyed before.

#ifndef REWAL_SYNC_LIBRARY_HPP
#define REWAL_SYNC_LIBRARY_HPP

#include <thread>
#include <utility>

#include <rewal/platform.hpp>

#if REWAL_WINDOWS
// Declared here so that windows.h and its macros stay out of public headers.
extern "C" {
struct HINSTANCE__;
__declspec(dllimport) HINSTANCE__* __stdcall GetModuleHandleW(const wchar_t*);
__declspec(dllimport) int __stdcall GetModuleHandleExW(unsigned long, const wchar_t*, HINSTANCE__**);
__declspec(dllimport) int __stdcall FreeLibrary(HINSTANCE__*);
#if defined(_WIN64)
__declspec(dllimport) long long(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
#else
__declspec(dllimport) int(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
#endif
}
#endif

namespace rewal::detail {

#if REWAL_WINDOWS

/// Keeps the library, or the program, whose code this is loaded for as long as it lives.
class LibraryInUse {
 public:
  LibraryInUse() noexcept {
    constexpr unsigned long from_address = 4;
    if (::GetModuleHandleExW(from_address, reinterpret_cast<const wchar_t*>(&inside_), &library_) == 0) {
      library_ = nullptr;
    }
  }
  LibraryInUse(const LibraryInUse&) = delete;
  LibraryInUse& operator=(const LibraryInUse&) = delete;
  ~LibraryInUse() {
    if (library_ != nullptr) ::FreeLibrary(library_);
  }

 private:
  static constinit inline char inside_ = 0;
  HINSTANCE__* library_ = nullptr;
};

/// Whether the process is at its end and its other threads are gone.
[[nodiscard]] inline bool other_threads_are_gone() noexcept {
  using Call = unsigned char(__stdcall*)();
  static const Call call = reinterpret_cast<Call>(
      reinterpret_cast<void (*)()>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "RtlDllShutdownInProgress")));
  return call != nullptr && call() != 0;
}

#else

class LibraryInUse {};

[[nodiscard]] constexpr bool other_threads_are_gone() noexcept { return false; }

#endif

/// A thread, and the library that it runs. Where it runs it is joined before this is destroyed.
class LibraryThread {
 public:
  /// Throws as std::thread does.
  template <class Run>
  void start(Run run) {
    thread_ = std::thread(std::move(run));
  }
  void join() { thread_.join(); }

 private:
  [[no_unique_address, maybe_unused]] LibraryInUse library_;
  std::thread thread_;
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_LIBRARY_HPP
