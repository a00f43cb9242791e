// SPDX-License-Identifier: MIT
//
// <cerrno>, with the numbers that the tests inject and that the C library of Windows has no name for.
// They travel in std::generic_category, whose numbers are errno's on every system.

#ifndef REWAL_TESTS_SUPPORT_ERRNO_HPP
#define REWAL_TESTS_SUPPORT_ERRNO_HPP

#include <cerrno>

#ifndef EDQUOT
#define EDQUOT 122
#endif

#endif  // REWAL_TESTS_SUPPORT_ERRNO_HPP
