// SPDX-License-Identifier: MIT
//
// A thread for which the system refuses one of its calls, with any error: how a call behaves that fails seldom or
// never. Linux alone; the filter is the thread's own and ends with it. What a sandbox forbids to install cannot be
// tested.

#ifndef REWAL_TESTS_SUPPORT_REFUSED_CALL_HPP
#define REWAL_TESTS_SUPPORT_REFUSED_CALL_HPP

#include <rewal/platform.hpp>

#if REWAL_LINUX

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <thread>

namespace rewal_test {

/// Runs `f` on a thread of its own for which the call of this number fails with `error`. False if that cannot be had.
template <class F>
[[nodiscard]] bool where_refused(long number, int error, F f) {
  bool installed = false;
  std::thread([&] {
    std::array<::sock_filter, 4> rules{{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(::seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<unsigned>(number)},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    }};
    const ::sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
    installed = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
    if (installed) f();
  }).join();
  return installed;
}

/// Asked before the first expectation, since a test case cannot be skipped from within one. qemu refuses no calls.
[[nodiscard]] inline bool calls_can_be_refused() {
  return where_refused(-1, 0, [] {});
}

}  // namespace rewal_test

#endif  // REWAL_LINUX

#endif  // REWAL_TESTS_SUPPORT_REFUSED_CALL_HPP
