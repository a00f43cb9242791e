// SPDX-License-Identifier: MIT
//
// The one source of rewal::instances: the default log and reader, compiled once for a program.

#define REWAL_INSTANCES_HERE
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
