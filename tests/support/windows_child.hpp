// SPDX-License-Identifier: MIT
//
// A second process on Windows, where nothing forks: the program starts itself again, with the name of one hidden test case
// and what that one is to do in environment variables. It may be ended at any time, as by the task manager.

#ifndef REWAL_TESTS_SUPPORT_WINDOWS_CHILD_HPP
#define REWAL_TESTS_SUPPORT_WINDOWS_CHILD_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rewal_test {

/// What the parent has told this process under a name, or nothing.
inline std::string told(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

class WindowsChild {
 public:
  using Told = std::vector<std::pair<std::string, std::string>>;

  /// Runs the hidden test case `name`, without commas and quotes, of this program.
  WindowsChild(const std::string& name, const Told& told) {
    for (const auto& [key, value] : told) ::SetEnvironmentVariableA(key.c_str(), value.c_str());
    std::vector<wchar_t> self(32'768);
    ::GetModuleFileNameW(nullptr, self.data(), static_cast<DWORD>(self.size()));
    std::wstring line = L"\"" + std::wstring(self.data()) + L"\" \"" + std::wstring(name.begin(), name.end()) + L"\"";
    STARTUPINFOW how{};
    how.cb = sizeof how;
    if (::CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &how, &process_) == 0) {
      throw std::runtime_error("no child process: error " + std::to_string(::GetLastError()));
    }
  }
  WindowsChild(const WindowsChild&) = delete;
  WindowsChild& operator=(const WindowsChild&) = delete;
  ~WindowsChild() {
    end();
    ::CloseHandle(process_.hThread);
    ::CloseHandle(process_.hProcess);
  }

  /// Its exit code, 0 where every check of the test case held, once it has ended; nothing after half a minute.
  std::optional<DWORD> ended(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    if (::WaitForSingleObject(process_.hProcess, static_cast<DWORD>(patience.count())) != WAIT_OBJECT_0) return {};
    DWORD code = 0;
    ::GetExitCodeProcess(process_.hProcess, &code);
    return code;
  }
  [[nodiscard]] bool runs() const { return ::WaitForSingleObject(process_.hProcess, 0) == WAIT_TIMEOUT; }

  /// Ends it wherever it stands.
  void end() {
    ::TerminateProcess(process_.hProcess, killed);
    ::WaitForSingleObject(process_.hProcess, INFINITE);
  }
  static constexpr UINT killed = 9;

 private:
  PROCESS_INFORMATION process_{};
};

}  // namespace rewal_test

#endif  // REWAL_WINDOWS

#endif  // REWAL_TESTS_SUPPORT_WINDOWS_CHILD_HPP
