// SPDX-License-Identifier: MIT
//
// The one place of the library's version; the build system reads it from here.

#ifndef REWAL_VERSION_HPP
#define REWAL_VERSION_HPP

#define REWAL_VERSION_MAJOR 0
#define REWAL_VERSION_MINOR 1
#define REWAL_VERSION_PATCH 0
#define REWAL_VERSION "0.1.0"

#endif  // REWAL_VERSION_HPP
