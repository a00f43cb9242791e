// SPDX-License-Identifier: MIT
//
// Memory: atomic locations as C++20 defines them, kept as the history of their stores. A load may return any store that
// neither coherence nor happens-before hides; a read-modify-write continues the newest; seq_cst operations are in one
// order, that of the run. Release stores carry what their thread knows, acquire loads take it over.
// One thread of the system uses it; who goes when, and which of the possible values is returned, is left to the
// scheduler.
//
// Against the standard it leaves out: stores that take effect in another order than they run in (2+2W), and values out
// of thin air or out of the future (load buffering). There are no fences in the library and none here.

#ifndef REWAL_TESTS_INTERLEAVINGS_MEMORY_HPP
#define REWAL_TESTS_INTERLEAVINGS_MEMORY_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rewal_model {

inline constexpr unsigned most_threads = 5;
inline constexpr unsigned most_places = 128;

using Place = std::uint8_t;  // of an atomic, in order of construction
using Mask = std::uint8_t;   // one bit a thread

/// What a thread knows: of each place the oldest store it may still read, of each thread how far it has been heard of.
struct View {
  std::array<std::uint16_t, most_places> floor{};
  std::array<std::uint32_t, most_threads> clock{};

  void join(const View& other, unsigned places) noexcept {
    for (unsigned i = 0; i < places; ++i) floor[i] = (std::max)(floor[i], other.floor[i]);
    for (unsigned i = 0; i < most_threads; ++i) clock[i] = (std::max)(clock[i], other.clock[i]);
  }
};

[[nodiscard]] inline bool acquires(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
[[nodiscard]] inline bool releases(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

class Memory {
 public:
  void forget_all() noexcept { places_ = 0; }

  [[nodiscard]] Place add(std::uint64_t value) {
    if (places_ == most_places) std::abort();
    History& history = histories_[places_];
    history.stores.clear();
    history.stores.push_back({value, false, {}});
    history.sc_floor = 0;
    return static_cast<Place>(places_++);
  }

  [[nodiscard]] unsigned places() const noexcept { return places_; }

  /// Before the threads begin and after they have ended there is one value.
  void set_only(Place place, std::uint64_t value) noexcept { histories_[place].stores.back().value = value; }
  [[nodiscard]] std::uint64_t newest(Place place) const noexcept { return histories_[place].stores.back().value; }

  /// How many different stores a load may return.
  [[nodiscard]] unsigned readable(Place place, const View& view, std::memory_order order) const noexcept {
    const History& history = histories_[place];
    return static_cast<unsigned>(history.stores.size()) - oldest_readable(history, place, view, order);
  }
  /// Whether seq_cst loads of the place may differ in what they return.
  [[nodiscard]] bool is_ambiguous(Place place) const noexcept {
    const History& history = histories_[place];
    return history.sc_floor + 1u < history.stores.size();
  }

  /// The `age`-th newest store.
  std::uint64_t load(Place place, View& view, std::memory_order order, unsigned age) noexcept {
    History& history = histories_[place];
    const auto index = static_cast<std::uint16_t>(history.stores.size() - 1 - age);
    view.floor[place] = (std::max)(view.floor[place], index);
    if (order == std::memory_order_seq_cst) history.sc_floor = (std::max)(history.sc_floor, index);
    const Store& store = history.stores[index];
    if (acquires(order) && store.released) view.join(store.view, places_);
    return store.value;
  }

  void store(Place place, View& view, std::memory_order order, std::uint64_t value) {
    History& history = histories_[place];
    history.stores.push_back({value, false, {}});
    seal(place, view, order);
  }

  /// Continues the newest store, and its release sequence.
  void modify(Place place, View& view, std::memory_order order, std::uint64_t value) {
    History& history = histories_[place];
    const std::size_t before = history.stores.size() - 1;
    if (acquires(order) && history.stores[before].released) view.join(history.stores[before].view, places_);
    history.stores.push_back({value, false, {}});
    if (history.stores[before].released) {
      history.stores.back().released = true;
      history.stores.back().view = history.stores[before].view;
    }
    seal(place, view, order);
  }

 private:
  struct Store {
    std::uint64_t value;
    bool released;
    View view;
  };
  struct History {
    std::vector<Store> stores;
    std::uint16_t sc_floor = 0;  // no seq_cst load reads below this
  };

  [[nodiscard]] static unsigned oldest_readable(const History& history, Place place, const View& view,
                                                std::memory_order order) noexcept {
    return order == std::memory_order_seq_cst ? (std::max)(view.floor[place], history.sc_floor) : view.floor[place];
  }

  void seal(Place place, View& view, std::memory_order order) {
    History& history = histories_[place];
    const auto index = static_cast<std::uint16_t>(history.stores.size() - 1);
    if (index == UINT16_MAX) std::abort();
    view.floor[place] = index;
    if (order == std::memory_order_seq_cst) history.sc_floor = index;
    if (!releases(order)) return;
    Store& store = history.stores.back();
    if (store.released) {
      store.view.join(view, places_);
    } else {
      store.released = true;
      store.view = view;
    }
  }

  unsigned places_ = 0;
  std::array<History, most_places> histories_;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_MEMORY_HPP
