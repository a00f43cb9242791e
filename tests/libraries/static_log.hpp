// SPDX-License-Identifier: MIT
//
// What the library with a log in static storage can be asked to do; 0 is success.

#ifndef REWAL_TESTS_LIBRARIES_STATIC_LOG_HPP
#define REWAL_TESTS_LIBRARIES_STATIC_LOG_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS
#define REWAL_TEST_EXPORT __declspec(dllexport)
#else
#define REWAL_TEST_EXPORT __attribute__((visibility("default")))
#endif

extern "C" {
REWAL_TEST_EXPORT int static_log_open(const char* path);
REWAL_TEST_EXPORT int static_log_append(int count);
REWAL_TEST_EXPORT int static_log_close();
}

#endif  // REWAL_TESTS_LIBRARIES_STATIC_LOG_HPP
