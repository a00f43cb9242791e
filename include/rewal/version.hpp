// SPDX-License-Identifier: MIT
//
// The one place of the library's version; the build system reads it from here.

#ifndef REWAL_VERSION_HPP
#define REWAL_VERSION_HPP

#define REWAL_VERSION_MAJOR 0
#define REWAL_VERSION_MINOR 2
#define REWAL_VERSION_PATCH 0
#define REWAL_VERSION "0.2.0"

#endif  // REWAL_VERSION_HPP
