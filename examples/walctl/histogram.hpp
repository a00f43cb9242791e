// SPDX-License-Identifier: MIT
//
// Histogram: how many values lie in each power of two, as lines of text, as JSON, for Prometheus and as bars of an SVG.
// Used by one thread. What the values are is left to stats.

#ifndef WALCTL_HISTOGRAM_HPP
#define WALCTL_HISTOGRAM_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include <walctl/numbers.hpp>
#include <walctl/output.hpp>

namespace walctl {

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[static_cast<std::size_t>(std::bit_width(value))];
    ++count_;
    sum_ += value;
    most_ = std::max(most_, value);
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  [[nodiscard]] std::uint64_t most() const noexcept { return most_; }

  /// Calls f(least, most, count) for each bucket from the first that holds something to the last that does.
  template <class F>
  void each(F f) const {
    std::size_t first = 0;
    std::size_t end = counts_.size();
    while (first < end && counts_[first] == 0) ++first;
    while (end > first && counts_[end - 1] == 0) --end;
    for (std::size_t i = first; i < end; ++i) f(least_of(i), most_of(i), counts_[i]);
  }

  /// One line a bucket, with a bar.
  void print(Output& output, std::string_view title) const {
    output.text("");
    output.text("  " + output.bold(title));
    std::uint64_t highest = 1;
    each([&](std::uint64_t, std::uint64_t, std::uint64_t count) { highest = std::max(highest, count); });
    each([&](std::uint64_t least, std::uint64_t most, std::uint64_t count) {
      std::string range = least == most ? grouped(least) : grouped(least) + " to " + grouped(most);
      range.insert(0, range.size() < 26 ? 26 - range.size() : 0, ' ');
      std::string number = grouped(count);
      number.insert(0, number.size() < 15 ? 15 - number.size() : 0, ' ');
      constexpr std::uint64_t width = 30;
      auto length = static_cast<std::size_t>(static_cast<double>(count) / static_cast<double>(highest) * width);
      if (count != 0) length = std::max<std::size_t>(length, 1);
      output.text("  " + range + number + (length == 0 ? "" : "  " + std::string(length, '#')));
    });
  }

  [[nodiscard]] Json json() const {
    Json buckets = Json::array();
    each([&](std::uint64_t least, std::uint64_t most, std::uint64_t count) {
      buckets.push_back({{"from", least}, {"to", most}, {"count", count}});
    });
    return {{"count", count_}, {"sum", sum_}, {"most", most_}, {"buckets", buckets}};
  }

  /// In the text format of Prometheus; `labels` is inside the braces.
  [[nodiscard]] std::string prometheus(const std::string& name, const std::string& help,
                                       const std::string& labels) const {
    std::string text = "# HELP " + name + " " + help + "\n# TYPE " + name + " histogram\n";
    std::uint64_t below = 0;
    each([&](std::uint64_t, std::uint64_t most, std::uint64_t count) {
      below += count;
      text += name + "_bucket{" + labels + ",le=\"" + std::to_string(most) + "\"} " + std::to_string(below) + "\n";
    });
    text += name + "_bucket{" + labels + ",le=\"+Inf\"} " + std::to_string(count_) + "\n";
    text += name + "_sum{" + labels + "} " + std::to_string(sum_) + "\n";
    return text + name + "_count{" + labels + "} " + std::to_string(count_) + "\n";
  }

  /// A chart of 760 by 170 points whose upper edge is at `top`.
  [[nodiscard]] std::string svg(std::string_view title, int top) const {
    constexpr int left = 40, height = 100, room = 700;
    std::uint64_t highest = 1;
    int bars = 0;
    each([&](std::uint64_t, std::uint64_t, std::uint64_t count) {
      highest = std::max(highest, count);
      ++bars;
    });
    std::string text =
        "<text x='40' y='" + std::to_string(top + 20) + "' font-weight='bold'>" + std::string(title) + "</text>\n";
    if (bars == 0) return text;
    const int width = std::min(60, room / bars);
    int x = left;
    const int base = top + 40 + height;
    each([&](std::uint64_t least, std::uint64_t most, std::uint64_t count) {
      auto h = static_cast<int>(static_cast<double>(count) / static_cast<double>(highest) * height);
      if (count != 0) h = std::max(h, 1);
      const std::string middle = std::to_string(x + width / 2 - 2);
      text += "<rect x='" + std::to_string(x) + "' y='" + std::to_string(base - h) + "' width='" +
              std::to_string(width - 4) + "' height='" + std::to_string(h) + "' fill='#4477aa'><title>" +
              grouped(least) + " to " + grouped(most) + ": " + grouped(count) + "</title></rect>\n<text x='" + middle +
              "' y='" + std::to_string(base + 14) + "' text-anchor='middle'>" + short_number(least) + "</text>\n";
      if (count != 0) {
        text += "<text x='" + middle + "' y='" + std::to_string(base - h - 3) + "' text-anchor='middle'>" +
                short_number(count) + "</text>\n";
      }
      x += width;
    });
    return text;
  }

 private:
  [[nodiscard]] static std::uint64_t least_of(std::size_t bucket) noexcept {
    return bucket == 0 ? 0 : std::uint64_t{1} << (bucket - 1);
  }
  [[nodiscard]] static std::uint64_t most_of(std::size_t bucket) noexcept {
    return bucket == 0 ? 0 : bucket == 64 ? UINT64_MAX : (std::uint64_t{1} << bucket) - 1;
  }
  /// 65536 as 64K.
  [[nodiscard]] static std::string short_number(std::uint64_t number) {
    constexpr const char* units[] = {"", "K", "M", "G", "T", "P", "E"};
    std::size_t unit = 0;
    for (; number >= 1024; number /= 1024) ++unit;
    return std::to_string(number) + units[unit];
  }

  std::array<std::uint64_t, 65> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace walctl

#endif  // WALCTL_HISTOGRAM_HPP
