// SPDX-License-Identifier: MIT
//
// Iterator: the pull reader that Wal::iterator() returns, call by call or as an input range.
// Used by one thread at a time. It neither blocks the writer, shutdown or the file lock, nor waits for them.
// What is read, in which order, and how long views live is decided by EventReader.

#ifndef REWAL_READ_ITERATOR_HPP
#define REWAL_READ_ITERATOR_HPP

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/event_reader.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// Reads a snapshot of the log: what had been written when the iterator was made, events with `from <= lsn <= to` alone,
/// in file order. Movable, not copyable. It outlives its log: views that it handed out stay valid until its next call,
/// which then returns `closed`.
template <class S, class C>
class Iterator {
 public:
  /// Requires a `shared` that is not null. Allocates nothing that it cannot do without.
  Iterator(std::shared_ptr<SharedLog<S, C>> shared, Lsn from, Lsn to = max_lsn)
      : reader_(std::move(shared), from, to) {}

  /// The next event as a view, or none at the end. The view is valid until the next call of any `next`, of `close`, or
  /// the end of the iterator. Damage is `corrupted` with its offset, and the same error again on each later call.
  Result<std::optional<BorrowedEvent>> next_borrowed() noexcept {
    Result<std::optional<BorrowedEvent>> result;
    const Read read = reader_.next(result->emplace());
    if (REWAL_LIKELY(read == Read::event)) return result;
    if (read == Read::end) return std::optional<BorrowedEvent>();
    return *reader_.error();
  }

  /// The next event with bytes of its own, or none at the end. Errors as those of next_borrowed().
  Result<std::optional<Event>> next() noexcept {
    BorrowedEvent event;
    const Read read = reader_.next(event);
    if (read == Read::end) return std::optional<Event>();
    if (read == Read::failed) return *reader_.error();
    REWAL_TRY { return std::optional<Event>(event.to_owned()); }
    REWAL_CATCH_ALL {
      reader_.fail(not_enough_memory().at_offset(event.offset).at_lsn(event.lsn));
      return *reader_.error();
    }
  }

  /// Gives mapping, buffers and the log's shared parts back. Later calls return `closed`; closing again is fine.
  Result<void> close() noexcept {
    if (reader_.busy()) return Errc::invalid_state;
    reader_.close();
    return {};
  }

  /// The error that the last `next` returned; none if there was none so far.
  [[nodiscard]] std::optional<Error> err() const noexcept { return reader_.error(); }

  /// The rest of the events as an input range of `Result<BorrowedEvent>`. Where the reading fails, the error is the
  /// range's last element. begin() goes on where the last reading stopped. Do not move the Iterator in a loop over it.
  class RangeIterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Result<BorrowedEvent>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    RangeIterator() noexcept = default;

    [[nodiscard]] reference operator*() const noexcept { return owner_->current_; }
    [[nodiscard]] pointer operator->() const noexcept { return &owner_->current_; }
    RangeIterator& operator++() noexcept {
      if (!owner_->current_ || !owner_->step()) owner_ = nullptr;
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    [[nodiscard]] friend bool operator==(const RangeIterator& a, std::default_sentinel_t) noexcept {
      return a.owner_ == nullptr;
    }

   private:
    friend class Iterator;
    explicit RangeIterator(Iterator* owner) noexcept : owner_(owner) {}

    Iterator* owner_ = nullptr;  // none at the end
  };

  [[nodiscard]] RangeIterator begin() noexcept { return RangeIterator(step() ? this : nullptr); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  /// Makes the next event, or the error, current_. False at the end.
  bool step() noexcept {
    if (REWAL_UNLIKELY(!current_)) current_ = BorrowedEvent();
    const Read read = reader_.next(*current_);
    if (REWAL_UNLIKELY(read == Read::failed)) current_ = *reader_.error();
    return read != Read::end;
  }

  EventReader<S, C> reader_;
  Result<BorrowedEvent> current_;  // of the range
};

}  // namespace rewal::detail

#endif  // REWAL_READ_ITERATOR_HPP
