// SPDX-License-Identifier: MIT
//
// rewal: an embedded write-ahead log. This is the one header to include; the compressor adapters, which need other
// libraries, are in <rewal/compressor/zstd.hpp> and <rewal/compressor/lz4.hpp>.
//
//   auto opened = rewal::Wal<>::open("orders.wal").build();
//   if (!opened) return fail(opened.error().message());
//   rewal::Wal<> wal = std::move(*opened);
//   rewal::Result<rewal::Lsn> lsn = wal.append_durable("payload");
//   auto n = wal.replay(1, [](const rewal::BorrowedEvent& e) { use(e.lsn, e.payload, e.meta); });
//   auto ok = wal.shutdown();

#ifndef REWAL_WAL_HPP
#define REWAL_WAL_HPP

#include <rewal/platform.hpp>

#if REWAL_CXX20
REWAL_HEADERS_BEGIN

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/batch.hpp>
#include <rewal/format/event.hpp>
#include <rewal/log/builder.hpp>
#include <rewal/log/wal.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/result.hpp>
#include <rewal/stats.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <rewal/storage/storage.hpp>
#include <rewal/version.hpp>

#if defined(REWAL_INSTANCES)
#include <rewal/log/instances.hpp>
#endif

REWAL_HEADERS_END
#endif  // REWAL_CXX20

#endif  // REWAL_WAL_HPP
