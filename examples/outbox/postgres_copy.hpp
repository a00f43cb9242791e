// SPDX-License-Identifier: MIT
//
// PostgresCopy: events as COPY ... (FORMAT binary) takes them, columns lsn, payload and meta. Used by one thread.
//
//   header   11 bytes PGCOPY\n 377 \r \n 0, 4 bytes flags = 0, 4 bytes extension = 0
//   a row    2 bytes number of columns = 3; then for each 4 bytes length, -1 for NULL, and the value
//   trailer  2 bytes -1
//
// All numbers big-endian.

#ifndef OUTBOX_POSTGRES_COPY_HPP
#define OUTBOX_POSTGRES_COPY_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <outbox/batch.hpp>

namespace outbox {

class PostgresCopy {
 public:
  static constexpr std::size_t largest_row = 1'000'000'000;

  void clear() {
    using namespace std::string_view_literals;
    bytes_.assign("PGCOPY\n\377\r\n\0"sv);
    put(0, 4);
    put(0, 4);
  }
  /// False, and nothing is added, if no row can hold it.
  [[nodiscard]] bool add(const Item& item) {
    if (item.lsn > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
    if (item.payload.size() > largest_row || item.meta.size() > largest_row - item.payload.size()) return false;
    put(3, 2);
    put(8, 4);
    put(item.lsn, 8);
    put(item.payload.size(), 4);
    bytes_.append(item.payload);
    if (item.meta.empty()) {
      put(null, 4);
    } else {
      put(item.meta.size(), 4);
      bytes_.append(item.meta);
    }
    return true;
  }
  void end() { put(null, 2); }

  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  static constexpr std::uint64_t null = ~std::uint64_t{0};

  void put(std::uint64_t value, unsigned bytes) {
    while (bytes != 0) bytes_ += static_cast<char>((value >> (8U * --bytes)) & 0xFFU);
  }

  std::string bytes_;
};

}  // namespace outbox

#endif  // OUTBOX_POSTGRES_COPY_HPP
