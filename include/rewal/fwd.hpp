// SPDX-License-Identifier: MIT
//
// The names alone, for headers that mention a log without using it; costs next to nothing to include. A log whose
// policies are only declared so far can be named, pointed to and referred to:
//
//   #include <rewal/fwd.hpp>
//   struct OrderIndex;
//   using OrderLog = rewal::Wal<rewal::FileStorage, rewal::NoCompressor, OrderIndex>;
//   void store(OrderLog& log);
//
// Here stand the templates' default arguments; what a policy must have is checked where the class is defined.

#ifndef REWAL_FWD_HPP
#define REWAL_FWD_HPP

#include <rewal/platform.hpp>

#if REWAL_CXX20

#include <cstdint>

namespace rewal {

namespace detail {

#if REWAL_WINDOWS
struct WindowsFileSystem;
using NativeFileSystem = WindowsFileSystem;
#else
struct PosixFileSystem;
using NativeFileSystem = PosixFileSystem;
#endif

template <class FileSystem>
class BasicFileStorage;
template <class FileSystem>
class BasicReadOnlyFile;
template <class FileSystem>
class BasicCursor;

}  // namespace detail

// Words.
class Batch;
class Error;
class SyncMode;
template <class T>
class Result;
struct BorrowedEvent;
struct Event;
struct Examination;
struct FrameInfo;
struct RecoveryReport;
struct Salvage;
struct Stats;
enum class Backpressure : std::uint8_t;
enum class Errc : std::uint8_t;
enum class Follow : std::uint8_t;
enum class Recovery : std::uint8_t;
enum class State : std::uint32_t;
enum class Verdict : std::uint8_t;

// Policies.
class MemoryStorage;
class Zstd;
struct Lz4;
struct NoCompressor;
struct NoIndexer;
struct NoHooks;

/// The default storage of a log: one file, `flock`ed (`LockFileEx` on Windows), memory-mapped for reading.
using FileStorage = detail::BasicFileStorage<detail::NativeFileSystem>;
/// The default storage of a Reader: a file, opened for reading alone.
using ReadOnlyFile = detail::BasicReadOnlyFile<detail::NativeFileSystem>;

/// How far somebody has come, on the disk: two slots, locked like a log. Movable.
using Cursor = detail::BasicCursor<detail::NativeFileSystem>;

// Logs.
template <class S = FileStorage, class C = NoCompressor, class I = NoIndexer, class H = NoHooks>
class Wal;
template <class S, class C, class I, class H>
class Builder;
template <class S = ReadOnlyFile, class C = NoCompressor>
class Reader;
template <class S, class C>
class ReaderBuilder;

}  // namespace rewal

#endif  // REWAL_CXX20

#endif  // REWAL_FWD_HPP
