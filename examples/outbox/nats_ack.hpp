// SPDX-License-Identifier: MIT
//
// NatsAck: what JetStream answers to a message that was published, a line of JSON:
//   {"stream":"orders","seq":17}
//   {"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 16"},"stream":"orders","seq":0}
// and what else NATS wants of text: is_plain(), percent_encoded(). Pure functions, for any thread.

#ifndef OUTBOX_NATS_ACK_HPP
#define OUTBOX_NATS_ACK_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <outbox/sink.hpp>

namespace outbox {

struct NatsAck {
  std::uint64_t sequence = 0;  // 0 in an error
  std::uint64_t error = 0;     // 0 in a success
  std::string description;

  [[nodiscard]] static NatsAck parse(std::string_view json) {
    NatsAck ack;
    ack.error = number_behind(json, "\"err_code\":");
    if (json.find("\"error\":") != std::string_view::npos) {
      if (ack.error == 0) ack.error = number_behind(json, "\"code\":");
      ack.description = text_behind(json, "\"description\":\"");
    } else {
      ack.sequence = number_behind(json, "\"seq\":");
    }
    return ack;
  }

  /// What an error means; requires one.
  [[nodiscard]] Problem problem() const {
    const std::string said = "it says \"" + description + "\"";
    switch (error) {
      case 10071: return {Trouble::overtaken, "it has moved on: " + said};  // wrong last sequence
      case 10054: return {Trouble::unfit, "it takes no message so large: " + said};
      case 10060: return {Trouble::foreign, "another stream has its subject: " + said};
      case 10002:  // resources of the account, of the server, in memory, in storage; storing failed, which a limit is too
      case 10023:
      case 10028:
      case 10047:
      case 10077: return {Trouble::full, "it is full: " + said};
      case 10008:  // temporarily unavailable, no leader, not enabled yet
      case 10009:
      case 10076:
      case 503: return {Trouble::away, "it is not ready: " + said};
      default: return {Trouble::refused, "it refuses: " + said + " (" + std::to_string(error) + ")"};
    }
  }

 private:
  [[nodiscard]] static std::string_view behind(std::string_view json, std::string_view key) {
    const auto at = json.find(key);
    return at == std::string_view::npos ? std::string_view() : json.substr(at + key.size());
  }
  [[nodiscard]] static std::uint64_t number_behind(std::string_view json, std::string_view key) {
    const auto rest = behind(json, key);
    std::uint64_t number = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
    return number;
  }
  [[nodiscard]] static std::string text_behind(std::string_view json, std::string_view key) {
    const auto rest = behind(json, key);
    return std::string(rest.substr(0, rest.find('"')));
  }
};

/// Whether it can be the name of a stream and of a subject.
[[nodiscard]] inline bool is_plain(std::string_view name) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.find_first_not_of(plain) == std::string_view::npos;
}

/// As in addresses: % and what is no visible ASCII becomes %XX.
[[nodiscard]] inline std::string percent_encoded(std::string_view bytes) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F && c != '%') {
      text += c;
    } else {
      text += '%';
      text += digits[byte >> 4U];
      text += digits[byte & 15U];
    }
  }
  return text;
}

}  // namespace outbox

#endif  // OUTBOX_NATS_ACK_HPP
