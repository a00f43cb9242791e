// SPDX-License-Identifier: MIT
//
// SharedLog: what a log and its readers share: the storage, the compressor, how far frames are written, the index.
// Every member says which thread writes it; readers on any thread may use it while the log lives and afterwards.
// It is kept by shared_ptr, so that an iterator that outlives its log finds it closed instead of gone.
//
// EDGES
//   E1  written_end: the writer stores it (release) after the storage has taken the bytes; a reader loads it (acquire)
//       and then reads below it only. Without it a reader could see a frame half written.
//   E2  closed: whoever closes the log stores it (release) before storage.close(); a reader loads it (acquire) before
//       each use of the storage. A read that has passed the check may run beside close(), which Storage allows.
//       What is kept for the followers is stored before it, too.
//   inherited and closed are stored in a forked child before its one thread goes on: no edge is needed.

#ifndef REWAL_READ_SHARED_LOG_HPP
#define REWAL_READ_SHARED_LOG_HPP

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/sparse_index.hpp>
#include <rewal/lsn.hpp>
#include <rewal/policy/policy_scope.hpp>

namespace rewal::detail {

/// What every call returns in a forked child.
[[nodiscard]] inline Error not_this_process() noexcept {
  return {Errc::not_running,
          "the log belongs to the process that this one was forked from: use it there, or open it again here once that "
          "process has closed it"};
}

template <class S, class C>
struct SharedLog : PolicyMarks {
  SharedLog(S s, C c, std::uint64_t max_frame)
      : storage(std::move(s)), compressor(std::move(c)), max_frame_bytes(max_frame) {}

  S storage;
  [[no_unique_address]] C compressor;
  const std::uint64_t max_frame_bytes;  // decompression stops here

  std::atomic<std::uint64_t> written_end{0};  // bytes of whole frames in the storage; by the writer
  std::atomic<bool> closed{false};            // by whoever closes the log
  std::atomic<bool> inherited{false};         // this process was forked from the log's; by the fork

  // By whoever shuts the log down, before it is closed; constant afterwards: the end of the file, or all of it where
  // the storage maps it, for those who follow the log to its end.
  Bytes kept;
  std::uint64_t kept_at = 0;  // where in the file it begins
  std::shared_ptr<const void> kept_memory;

  // Set by recovery, constant once the log runs.
  Lsn first_lsn = 0;              // the lowest that opening found, 0 where it found none
  bool bad_frame_is_end = false;  // of a file that somebody else may be writing
  bool lsns_ascend = true;        // no frame that opening found lies behind one with a higher LSN

  std::mutex index_mutex;  // guards index
  SparseIndex index;       // by recovery, then by the writer
};

}  // namespace rewal::detail

#endif  // REWAL_READ_SHARED_LOG_HPP
