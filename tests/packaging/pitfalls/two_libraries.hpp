// SPDX-License-Identifier: MIT

#ifndef TWO_LIBRARIES_HPP
#define TWO_LIBRARIES_HPP

#include <rewal/wal.hpp>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

EXPORTED rewal::Result<rewal::Wal<>> open_log(const char* path);
EXPORTED rewal::Result<rewal::Lsn> write_log(rewal::Wal<>& log);

#endif  // TWO_LIBRARIES_HPP
