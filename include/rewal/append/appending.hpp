// SPDX-License-Identifier: MIT
//
// Appending: from the caller's bytes to a frame in the queue: what is refused outright, the hook, the limits.
// Runs on the appending threads, any number at once. A refused append takes no LSN and changes nothing but counters.
// Compressing and the queue are left to their files; writing and syncing to whoever takes the write lock.

#ifndef REWAL_APPEND_APPENDING_HPP
#define REWAL_APPEND_APPENDING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <rewal/append/compressing.hpp>
#include <rewal/append/enqueueing.hpp>
#include <rewal/append/pending_frame.hpp>
#include <rewal/bytes.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/error.hpp>
#include <rewal/format/batch.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

template <class Core>
class Appending {
 public:
  explicit Appending(Core& core) noexcept : core_(core) {}

  /// The short way first: whatever it does not take comes to the checks.
  [[nodiscard]] REWAL_INLINE Result<Lsn> one(Bytes payload, Bytes meta, Append how) {
    if (REWAL_UNLIKELY(core_.out_of_place())) return core_.why_out_of_place();
    core_.hooks.before_append(Events(payload, meta));
    const std::uint64_t size = record_frame_bytes(payload, meta);
    if (REWAL_LIKELY(size <= core_.most_direct_bytes && meta.size() <= format::max_meta_bytes)) {
      const Lsn lsn = Enqueueing<Core>(core_).put_directly(payload, meta, static_cast<std::uint32_t>(size));
      if (REWAL_LIKELY(lsn != 0)) return lsn;
    }
    return one_checked(payload, meta, how);
  }

  [[nodiscard]] Result<Lsn> batch(const Batch& batch, Append how) {
    const Bytes region = BatchAccess::region(batch);
    if (REWAL_UNLIKELY(core_.out_of_place())) return core_.why_out_of_place();
    core_.hooks.before_append(Events(region, batch.size()));
    if (REWAL_UNLIKELY(core_.ring.is_sealed())) return Enqueueing<Core>(core_).why_sealed();
    if (BatchAccess::spoiled(batch)) {
      return Error(Errc::invalid_record,
                   "a record over the format's limits was added to the batch: clear() it and leave that record out");
    }
    if (batch.empty()) return Errc::empty_batch;
    return append({region, {}, BatchAccess::count(batch), 0, true}, how);
  }

 private:
  [[nodiscard]] REWAL_NOINLINE Result<Lsn> one_checked(Bytes payload, Bytes meta, Append how) {
    if (core_.ring.is_sealed()) return Enqueueing<Core>(core_).why_sealed();
    if (meta.size() > format::max_meta_bytes) {
      return Error(Errc::invalid_record, "the meta is over 65535 bytes: put what is long into the payload");
    }
    return append({payload, meta, 1, 0, false}, how);
  }

  [[nodiscard]] Result<Lsn> append(const PendingFrame& frame, Append how) {
    if (frame.frame_bytes() > (std::min)(core_.options.max_frame_bytes, format::max_frame_bytes)) {
      return Error(Errc::invalid_record, "the frame is over max_frame_bytes: append less at once, or raise that limit");
    }
    if constexpr (Core::compresses) {
      return append_compressed(frame, how);
    } else {
      return Enqueueing<Core>(core_).put(frame, how);
    }
  }

  [[nodiscard]] Result<Lsn> append_compressed(const PendingFrame& frame, Append how) {
    Compressing<Core> compressing(core_);
    std::size_t saved = 0;
    const Result<PendingFrame> compressed = compressing.compressed(frame, saved);
    if (!compressed) return compressed.error();
    const Result<Lsn> lsn = Enqueueing<Core>(core_).put(*compressed, how);
    if (lsn && *lsn != 0 && saved != 0) core_.compressed_bytes.fetch_add(saved, std::memory_order_relaxed);
    return lsn;
  }

  Core& core_;
};

}  // namespace rewal::detail

#endif  // REWAL_APPEND_APPENDING_HPP
