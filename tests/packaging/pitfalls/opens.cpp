// SPDX-License-Identifier: MIT

#include "two_libraries.hpp"

EXPORTED rewal::Result<rewal::Wal<>> open_log(const char* path) { return rewal::Wal<>::open(path).build(); }
