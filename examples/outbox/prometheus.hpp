// SPDX-License-Identifier: MIT
//
// The figures of an outbox as Prometheus reads them, and the file that they are written to: for the node exporter's
// textfile collector, so that a program which must not stop for anything has no port open. Pure functions but write().

#ifndef OUTBOX_PROMETHEUS_HPP
#define OUTBOX_PROMETHEUS_HPP

#include <cstdio>
#include <string>
#include <string_view>

#include <outbox/progress.hpp>

namespace outbox {

class Prometheus {
 public:
  /// `target` is in every line, as a label.
  explicit Prometheus(std::string_view target) : label_("target=\"" + escaped(target) + "\"") {}

  [[nodiscard]] std::string text(const Snapshot& now) const {
    std::string all;
    add(all, "outbox_connected", "gauge", "1 while the target answers", now.connected ? 1 : 0);
    add(all, "outbox_shipped_lsn", "gauge", "Last LSN that the target has acknowledged", now.shipped_lsn);
    add(all, "outbox_durable_lsn", "gauge", "Last durable LSN of the log", now.durable_lsn);
    add(all, "outbox_lag_events", "gauge", "LSNs that are durable and not acknowledged", now.lag);
    add(all, "outbox_events_total", "counter", "Events shipped", now.events);
    add(all, "outbox_bytes_total", "counter", "Bytes of the events shipped", now.bytes);
    add(all, "outbox_batches_total", "counter", "Batches shipped", now.batches);
    add(all, "outbox_connections_total", "counter", "How often the target was asked where to go on", now.connections);
    add(all, "outbox_rewinds_total", "counter", "How often it had lost what it had acknowledged", now.rewinds);
    head(all, "outbox_failures_total", "counter", "Failures by what was wrong");
    for (std::size_t i = 0; i < troubles; ++i) {
      all += "outbox_failures_total{" + label_ + ",trouble=\"" + name_of(static_cast<Trouble>(i)) + "\"} " +
             std::to_string(now.failures[i]) + "\n";
    }
    return all;
  }

  /// Replaces the file as a whole, so that nobody reads half of it. False if it cannot.
  [[nodiscard]] static bool write(const std::string& path, const std::string& text) {
    const std::string part = path + ".part";
    std::FILE* const file = std::fopen(part.c_str(), "w");
    if (file == nullptr) return false;
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fclose(file) == 0 && written && std::rename(part.c_str(), path.c_str()) == 0;
  }

 private:
  static void head(std::string& all, std::string_view name, std::string_view type, std::string_view help) {
    all.append("# HELP ").append(name).append(" ").append(help).append("\n");
    all.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void add(std::string& all, std::string_view name, std::string_view type, std::string_view help,
           std::uint64_t value) const {
    head(all, name, type, help);
    all.append(name).append("{").append(label_).append("} ").append(std::to_string(value)).append("\n");
  }
  [[nodiscard]] static std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (c == '"' || c == '\\') safe += '\\';
      if (c == '\n') {
        safe += "\\n";
      } else {
        safe += c;
      }
    }
    return safe;
  }

  std::string label_;
};

}  // namespace outbox

#endif  // OUTBOX_PROMETHEUS_HPP
