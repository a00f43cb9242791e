// SPDX-License-Identifier: MIT

#include "two_libraries.hpp"

EXPORTED rewal::Result<rewal::Lsn> write_log(rewal::Wal<>& log) { return log.append_durable("from another library"); }
