// SPDX-License-Identifier: MIT
//
// What a program links instead of compiling it in each of its files: the default log and reader. <rewal/wal.hpp> and
// <rewal/reader.hpp> include this where REWAL_INSTANCES is defined; the CMake target rewal::instances defines it, and
// compiles instances.cpp once. Everything else is compiled where it is used, as ever.

#ifndef REWAL_LOG_INSTANCES_HPP
#define REWAL_LOG_INSTANCES_HPP

#include <rewal/fwd.hpp>
#include <rewal/log/builder.hpp>
#include <rewal/log/reader.hpp>
#include <rewal/log/wal.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/read/follower.hpp>
#include <rewal/read/iterator.hpp>
#include <rewal/storage/file_storage.hpp>

#if !defined(REWAL_INSTANCES_HERE)
#define REWAL_INSTANCES_HERE extern
#endif

namespace rewal {

REWAL_INSTANCES_HERE template class Wal<>;
REWAL_INSTANCES_HERE template class Builder<FileStorage, NoCompressor, NoIndexer, NoHooks>;
REWAL_INSTANCES_HERE template class detail::Iterator<FileStorage, NoCompressor>;
REWAL_INSTANCES_HERE template class detail::Follower<FileStorage, NoCompressor>;
REWAL_INSTANCES_HERE template class Reader<>;
REWAL_INSTANCES_HERE template class ReaderBuilder<ReadOnlyFile, NoCompressor>;

}  // namespace rewal

#undef REWAL_INSTANCES_HERE

#endif  // REWAL_LOG_INSTANCES_HPP
