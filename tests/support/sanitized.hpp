// SPDX-License-Identifier: MIT
//
// Whether the tests run under AddressSanitizer or ThreadSanitizer, which make everything dear.

#ifndef REWAL_TESTS_SUPPORT_SANITIZED_HPP
#define REWAL_TESTS_SUPPORT_SANITIZED_HPP

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define REWAL_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define REWAL_TEST_SANITIZED 1
#endif
#endif
#ifndef REWAL_TEST_SANITIZED
#define REWAL_TEST_SANITIZED 0
#endif

namespace rewal_test {

inline constexpr bool sanitized = REWAL_TEST_SANITIZED != 0;

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_SANITIZED_HPP
