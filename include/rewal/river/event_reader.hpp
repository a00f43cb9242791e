// SPDX-License-Identifier: MIT
//
// EventReader: the events from one LSN on, over a snapshot of what was written when it was made.
// Used by one thread, beside the writer and beyond the life of the log; it holds no lock while it reads.
// How events are presented is left to the iterator and to replay, which are both made of it.
//
// ORDER. Events come in file order, those with lsn >= from alone, also where LSNs are out of order. Frames that hold
// none of them are checked and skipped, but not decompressed.
// LIFETIME. What an event points to, mapping or buffer, stays until the next call of next(), close() or the destructor,
// whatever becomes of the log meanwhile. Once next() has seen the log closed it never touches the storage again.

#ifndef REWAL_RIVER_EVENT_READER_HPP
#define REWAL_RIVER_EVENT_READER_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/codec/compressor.hpp>
#include <rewal/codec/event.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/error.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/river/frame_cursor.hpp>
#include <rewal/river/read_side.hpp>
#include <rewal/river/source.hpp>
#include <rewal/river/storage_call.hpp>
#include <rewal/sync/policy_scope.hpp>

namespace rewal::detail {

enum class Read : std::uint8_t {
  event,   ///< there is one
  end,     ///< the snapshot has no more
  failed,  ///< error() says why
};

template <class S, class C>
class EventReader {
 public:
  /// Takes the snapshot. `side` must not be null. May allocate and call the storage's `map`.
  EventReader(std::shared_ptr<ReadSide<S, C>> side, Lsn from)
      : side_(std::move(side)), from_(from), cursor_(open_cursor(*side_, from)) {}

  EventReader(EventReader&&) noexcept = default;
  EventReader& operator=(EventReader&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);  // as the destructor does: what reads goes before what it reads from
    return *std::construct_at(this, std::move(other));
  }
  ~EventReader() = default;

  /// Steps to the next event. Damage is `corrupted` with its offset, and the same again each time; a closed log, or a
  /// closed or moved-from reader, is `closed`.
  [[nodiscard]] Read next(BorrowedEvent& event) noexcept {
    if (REWAL_UNLIKELY(!usable())) return Read::failed;
    for (;;) {
      if (records_left_ == 0) {
        const Read read = next_frame();
        if (REWAL_UNLIKELY(read != Read::event)) return read;
      }
      --records_left_;
      const Lsn lsn = lsn_++;
      load_record(record_, event);
      record_ = end_of(event);
      if (REWAL_UNLIKELY(lsn < from_)) continue;
      event.lsn = lsn;
      event.offset = cursor_.offset();
      return Read::event;
    }
  }

  /// Ends the reading with an error that is returned from now on.
  Read fail(const Error& error) noexcept {
    records_left_ = 0;
    error_ = error;
    return Read::failed;
  }

  /// Why the last next() failed.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  /// Whether a storage or compressor that this reader calls is calling back.
  [[nodiscard]] bool busy() const noexcept { return busy_; }

  /// Lets go of everything it holds; next() is `closed` from now on. Requires that it is not busy().
  void close() noexcept {
    records_left_ = 0;
    cursor_.source().release();
    inflated_ = {};
    side_.reset();
  }

 private:
  // Larger buffers of inflated frames are given back after their frame.
  static constexpr std::size_t kept_buffer_bytes = 256 * 1024;

  [[nodiscard]] static FrameCursor<S> open_cursor(ReadSide<S, C>& side, Lsn from) {
    if (side.closed.load(std::memory_order_acquire)) return {Source<S>(side.storage, &side, 0), 0};  // E2
    const std::uint64_t end = side.written_end.load(std::memory_order_acquire);                        // E1
    std::uint64_t begin = 0;
    {
      const std::lock_guard lock(side.index_mutex);
      begin = side.index.seek(from);
    }
    // The index may have heard of frames beyond the snapshot.
    return {Source<S>(side.storage, &side, end), (std::min)(begin, end)};
  }

  /// Whether reading may go on; where not, error_ says why.
  [[nodiscard]] bool usable() noexcept {
    if (REWAL_LIKELY(side_ != nullptr && !error_ && !is_closed())) return true;
    if (side_ != nullptr && error_) return false;
    close();
    error_ = Error(Errc::closed);
    return false;
  }

  [[nodiscard]] bool is_closed() const noexcept { return side_->closed.load(std::memory_order_acquire); }  // E2

  /// Steps to the next frame that holds an event of ours.
  [[nodiscard]] Read next_frame() noexcept {
    if (busy_) return fail(Errc::invalid_state);
    for (;;) {
      busy_ = true;
      const Walk walk = cursor_.next();
      busy_ = false;
      if (REWAL_LIKELY(walk == Walk::frame)) {
        const format::Header header = cursor_.header();
        if (header.last_lsn() < from_) continue;
        return begin_records(header, cursor_.region());
      }
      if (walk == Walk::end) return Read::end;
      if (walk == Walk::bad) return fail(damage_at(cursor_.offset(), cursor_.validity()));
      return fail_unless_closed(cursor_.error());
    }
  }

  [[nodiscard]] Read begin_records(const format::Header& header, Bytes region) noexcept {
    if (REWAL_UNLIKELY(header.compressed())) {
      if (inflate(header, region) == Read::failed) return Read::failed;
      region = inflated_;
    }
    record_ = region.data();
    records_left_ = header.count;
    lsn_ = header.first_lsn;
    return Read::event;
  }

  [[nodiscard]] Read inflate(const format::Header& header, Bytes region) noexcept {
    const auto failed = [&](const Error& error) {
      return fail(error.at_offset(cursor_.offset()).at_lsn((std::max)(header.first_lsn, from_)));
    };
    if constexpr (!has_compressor<C>) {
      return failed(Errc::compressor_required);
    } else {
      if (inflated_.capacity() > kept_buffer_bytes) inflated_ = {};
      inflated_.clear();
      busy_ = true;
      const Result<void> done = [&]() -> Result<void> {
        const PolicyScope scope(side_.get());
        return decompress_guarded(side_->compressor, region, inflated_, side_->max_frame_bytes);
      }();
      busy_ = false;
      if (!done) return failed(done.error());
      if (!format::holds_records(inflated_, header.count)) {
        return failed({Errc::corrupted, "a frame decompressed to something else than its records: "
                                        "open the log with the compressor it was written with"});
      }
      return Read::event;
    }
  }

  /// A read that runs into close() fails in whatever way the storage likes.
  [[nodiscard]] Read fail_unless_closed(const Error& error) noexcept {
    if (!is_closed()) return fail(error);
    close();
    return fail(Errc::closed);
  }

  std::shared_ptr<ReadSide<S, C>> side_;  // null once closed; outlives what reads from it
  Lsn from_;
  FrameCursor<S> cursor_;

  const std::byte* record_ = nullptr;  // the next record of the current frame,
  std::uint32_t records_left_ = 0;     // how many there are from it on,
  Lsn lsn_ = 0;                        // and its LSN
  bool busy_ = false;                  // a policy is being called; it must not call us

  std::vector<std::byte> inflated_;  // the records of the current frame, where it is compressed
  std::optional<Error> error_;
};

}  // namespace rewal::detail

#endif  // REWAL_RIVER_EVENT_READER_HPP
