// SPDX-License-Identifier: MIT
//
// Reading a log's file without owning it: no lock, no change, beside a live writer or on a damaged file.
//
//   auto reader = rewal::Reader<>::open("orders.wal").build();
//   if (!reader) return fail(reader.error().message());
//   auto found = reader->examine();                    // found->verdict, found->last_lsn, found->reason, ...
//   for (const auto& frame : reader->frames()) ...     // goes on behind damage
//   auto n = reader->replay(1, [](const rewal::BorrowedEvent& e) { use(e.lsn, e.payload); });
//   auto last = reader->copy_to("backup.wal");

#ifndef REWAL_READER_HPP
#define REWAL_READER_HPP

#include <rewal/platform.hpp>

#if REWAL_CXX20
REWAL_HEADERS_BEGIN

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/format/event.hpp>
#include <rewal/log/reader.hpp>
#include <rewal/lsn.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/result.hpp>
#include <rewal/version.hpp>

#if defined(REWAL_INSTANCES)
#include <rewal/log/instances.hpp>
#endif

REWAL_HEADERS_END
#endif  // REWAL_CXX20

#endif  // REWAL_READER_HPP
