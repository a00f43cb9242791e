// SPDX-License-Identifier: MIT
//
// EventReader: the events of a range of LSNs, over a snapshot of what was written when it was made.
// Used by one thread, beside the writer and beyond the life of the log; it holds no lock while it reads.
// How events are presented is left to the iterator and to replay, which are both made of it.
//
// ORDER. Events come in file order, those with from <= lsn <= to alone, also where LSNs are out of order. Frames that hold
// none of them are checked and skipped, but not decompressed. Where LSNs ascend, the first frame beyond `to` is the end.
// LIFETIME. What an event points to, mapping or buffer, stays until the next call of next(), close() or the destructor,
// whatever becomes of the log meanwhile. Once next() has seen the log closed it never touches the storage again.

#ifndef REWAL_READ_EVENT_READER_HPP
#define REWAL_READ_EVENT_READER_HPP

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
#include <rewal/error.hpp>
#include <rewal/format/event.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/read/source.hpp>
#include <rewal/storage/file_names.hpp>

namespace rewal::detail {

enum class Read : std::uint8_t {
  event,   ///< there is one
  end,     ///< the snapshot has no more
  failed,  ///< error() says why
};

template <class S, class C>
class EventReader {
 public:
  /// Takes the snapshot. `shared` must not be null. May allocate and call the storage's `map`.
  EventReader(std::shared_ptr<SharedLog<S, C>> shared, Lsn from, Lsn to = max_lsn)
      : shared_(std::move(shared)),
        reading_(shared_.get()),
        from_(from),
        to_(to),
        ends_beyond_(shared_->lsns_ascend),
        cursor_(open_cursor(*shared_, from, to)) {}

  /// Reads the events with `lsn >= from` below `end`, which extend() moves. Whether the log is open is the caller's
  /// care; where it is closed, read_what_is_kept() comes first.
  [[nodiscard]] static EventReader with_moving_end(std::shared_ptr<SharedLog<S, C>> shared, Lsn from,
                                                   std::uint64_t end) {
    return EventReader(std::move(shared), from, MovingEnd{end});
  }

  EventReader(EventReader&& other) noexcept
      : shared_(std::move(other.shared_)),
        reading_(std::exchange(other.reading_, nullptr)),
        from_(other.from_),
        to_(other.to_),
        ends_beyond_(other.ends_beyond_),
        end_moves_(other.end_moves_),
        cursor_(std::move(other.cursor_)),
        record_(other.record_),
        records_left_(other.records_left_),
        lsn_(other.lsn_),
        inherited_(other.inherited_),
        inflated_(std::move(other.inflated_)),
        error_(other.error_) {}
  EventReader& operator=(EventReader&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);  // as the destructor does: what reads goes before what it reads from
    return *std::construct_at(this, std::move(other));
  }
  ~EventReader() = default;

  /// Steps to the next event. Damage is `corrupted` with its offset, and the same again each time; a closed log, or a
  /// closed or moved-from reader, is `closed`.
  [[nodiscard]] REWAL_INLINE Read next(BorrowedEvent& event) noexcept {
    if (REWAL_UNLIKELY(reading_ == nullptr || is_closed())) return refuse();
    for (;;) {
      if (records_left_ == 0) {
        const Read read = next_frame();
        if (REWAL_UNLIKELY(read != Read::event)) return read;
      }
      --records_left_;
      const Lsn lsn = lsn_++;
      load_record(record_, event);
      record_ = end_of(event);
      if (REWAL_UNLIKELY(lsn - from_ > to_ - from_)) continue;  // one comparison for both bounds
      event.lsn = lsn;
      event.offset = cursor_.offset();
      return Read::event;
    }
  }

  /// Ends the reading with an error that is returned from now on.
  Read fail(const Error& error) noexcept {
    error_ = reading_ != nullptr ? named_by(reading_->storage, error) : error;
    reading_ = nullptr;
    records_left_ = 0;
    return Read::failed;
  }

  // ---- where the end moves ---------------------------------------------------------------------------------------

  [[nodiscard]] std::uint64_t end() const noexcept { return cursor_.source().end(); }
  /// Requires that next() has said `end`, and that `end` is not before it.
  void extend(std::uint64_t end) noexcept { cursor_.source().extend(end, cursor_.next_offset()); }
  /// Whether the next event begins a frame.
  [[nodiscard]] bool is_between_frames() const noexcept { return records_left_ == 0; }
  /// The log is closed, and `end` is where it ended: reads on from what it has kept, where the storage failed too.
  /// Requires is_between_frames().
  void read_what_is_kept(std::uint64_t end) noexcept {
    const bool has_all = cursor_.next_offset() >= shared_->kept_at;
    cursor_.source().adopt(end, has_all ? shared_->kept : Bytes(), shared_->kept_at, shared_->kept_memory);
    reading_ = shared_.get();
    error_.reset();
  }

  /// Why the last next() failed.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  /// Whether a storage or compressor that this reader calls is calling back.
  [[nodiscard]] bool busy() const noexcept { return inflating_ || cursor_.source().busy(); }

  /// Lets go of everything it holds; next() is `closed` from now on. Requires that it is not busy().
  void close() noexcept {
    reading_ = nullptr;
    records_left_ = 0;
    cursor_.source().release();
    inflated_ = std::vector<std::byte>();  // {} would keep its memory
    shared_.reset();
  }

 private:
  struct MovingEnd {
    std::uint64_t end;
  };
  EventReader(std::shared_ptr<SharedLog<S, C>> shared, Lsn from, MovingEnd moving)
      : shared_(std::move(shared)),
        reading_(shared_.get()),
        from_(from),
        to_(max_lsn),
        ends_beyond_(false),
        end_moves_(true),
        cursor_(open_at(*shared_, from, moving.end)) {}

  // Larger buffers of inflated frames are given back after their frame.
  static constexpr std::size_t kept_buffer_bytes = 256 * 1024;

  [[nodiscard]] static FrameCursor<S> open_cursor(SharedLog<S, C>& shared, Lsn from, Lsn to) {
    if (to < from || shared.closed.load(std::memory_order_acquire))
      return {Source<S>(shared.storage, &shared, 0), 0};                           // E2
    const std::uint64_t end = shared.written_end.load(std::memory_order_acquire);  // E1
    std::uint64_t begin = 0;
    {
      const std::lock_guard lock(shared.index_mutex);
      begin = shared.index.seek(from);
    }
    // The index may have heard of frames beyond the snapshot.
    return {Source<S>(shared.storage, &shared, end), (std::min)(begin, end)};
  }

  [[nodiscard]] static FrameCursor<S> open_at(SharedLog<S, C>& shared, Lsn from, std::uint64_t end) {
    std::uint64_t begin = 0;
    {
      const std::lock_guard lock(shared.index_mutex);
      begin = (std::min)(shared.index.seek(from), end);
    }
    FrameCursor<S> cursor(Source<S>(shared.storage, &shared, 0), begin);
    const bool is_open = !shared.closed.load(std::memory_order_acquire);  // E2
    if (is_open) cursor.source().extend(end, begin);
    return cursor;
  }

  [[nodiscard]] bool is_closed() const noexcept {
    return reading_->closed.load(std::memory_order_acquire) && !end_moves_;  // E2
  }

  /// There is nothing to read any more: the error that was met, as long as the log is open, else closed.
  REWAL_NOINLINE Read refuse() noexcept {
    const bool is_open = shared_ != nullptr && !shared_->closed.load(std::memory_order_acquire);  // E2
    if (reading_ == nullptr && is_open) return Read::failed;
    if (shared_ != nullptr && shared_->inherited.load(std::memory_order_relaxed)) inherited_ = true;
    if (!busy()) close();
    error_ = inherited_ ? not_this_process() : Error(Errc::closed);
    return Read::failed;
  }

  /// Steps to the next frame that holds an event of ours.
  [[nodiscard]] REWAL_NOINLINE Read next_frame() noexcept {
    if constexpr (has_compressor<C>) {
      if (inflating_) return fail(Errc::invalid_state);
    }
    for (;;) {
      const Walk walk = cursor_.next();
      if (REWAL_UNLIKELY(walk != Walk::frame)) return no_frame(walk);
      const format::Header header = cursor_.header();
      if (REWAL_UNLIKELY(header.first_lsn > to_)) {
        if (ends_beyond_) return end_here();
        continue;
      }
      if (header.last_lsn() >= from_) return begin_records(header, cursor_.region());
    }
  }

  /// Nothing behind the current frame is of the range.
  [[nodiscard]] REWAL_NOINLINE Read end_here() noexcept {
    cursor_.stop();
    return Read::end;
  }

  [[nodiscard]] REWAL_NOINLINE Read no_frame(Walk walk) noexcept {
    if (walk == Walk::end || (walk == Walk::bad && reading_ != nullptr && reading_->bad_frame_is_end)) return Read::end;
    if (walk == Walk::bad) return fail(damage_at(cursor_.offset(), cursor_.validity()));
    // A read that runs into close() fails in whatever way the storage likes.
    return reading_ == nullptr || !is_closed() ? fail(cursor_.error()) : refuse();
  }

  [[nodiscard]] REWAL_INLINE Read begin_records(const format::Header& header, Bytes region) noexcept {
    if constexpr (has_compressor<C>) {
      if (REWAL_UNLIKELY(inflated_.capacity() > kept_buffer_bytes)) inflated_ = std::vector<std::byte>();
    }
    if (REWAL_UNLIKELY(header.compressed())) {
      if (inflate(header, region) == Read::failed) return Read::failed;
      region = inflated_;
    }
    record_ = region.data();
    records_left_ = header.count;
    lsn_ = header.first_lsn;
    return Read::event;
  }

  [[nodiscard]] REWAL_NOINLINE Read inflate(const format::Header& header, Bytes region) noexcept {
    const auto failed = [&](const Error& error) {
      return fail(error.at_offset(cursor_.offset()).at_lsn((std::max)(header.first_lsn, from_)));
    };
    if constexpr (!has_compressor<C>) {
      return failed(Errc::compressor_required);
    } else {
      inflated_.clear();
      inflating_ = true;
      const Result<void> done = [&]() -> Result<void> {
        const PolicyScope scope(shared_.get());
        return decompress_guarded(shared_->compressor, region, inflated_, shared_->max_frame_bytes);
      }();
      inflating_ = false;
      if (!done) return failed(done.error());
      if (!format::holds_records(inflated_, header.count)) {
        return failed({Errc::corrupted,
                       "a frame decompressed to something else than its records: "
                       "open the log with the compressor it was written with"});
      }
      return Read::event;
    }
  }

  std::shared_ptr<SharedLog<S, C>> shared_;  // null once closed; outlives what reads from it
  const SharedLog<S, C>* reading_;           // the same, null once there is an error to return instead
  Lsn from_;
  Lsn to_;
  bool ends_beyond_;  // the first frame beyond to_ ends the range
  bool end_moves_ = false;
  FrameCursor<S> cursor_;

  const std::byte* record_ = nullptr;  // the next record of the current frame,
  std::uint32_t records_left_ = 0;     // how many there are from it on,
  Lsn lsn_ = 0;                        // and its LSN
  bool inherited_ = false;             // the log is another process's
  bool inflating_ = false;             // the compressor is being called; it must not call us

  std::vector<std::byte> inflated_;  // the records of the current frame, where it is compressed
  std::optional<Error> error_;
};

}  // namespace rewal::detail

#endif  // REWAL_READ_EVENT_READER_HPP
