// SPDX-License-Identifier: MIT
//
// EventFormat: how dump and tail print an event. Used by one thread.
//
//   text   LSN, a tab, the payload, and if there is one another tab and the meta; both escaped, so that a line is an event
//   hex    the bytes sixteen a line, beside them what of it is ASCII
//   json   {"type":"event","lsn":1,"payload":"6869","meta":null,"text":"hi"}: payload and meta in hex; `text` stands there
//          if the payload is valid UTF-8
//   raw    the payload's bytes and nothing else; escaped as in text where they would go to a terminal

#ifndef WALCTL_EVENT_FORMAT_HPP
#define WALCTL_EVENT_FORMAT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>

#include <rewal/reader.hpp>

#include <walctl/escape.hpp>
#include <walctl/numbers.hpp>
#include <walctl/output.hpp>

namespace walctl {

class EventFormat {
 public:
  EventFormat(Output& output, std::string_view format, bool ends_with_nul = false)
      : output_(output), ends_with_nul_(ends_with_nul) {
    const bool is_escaped = output.common().out_is_terminal;
    kind_ = output.common().json || format == "json" ? Kind::json
            : format == "hex"                        ? Kind::hex
            : format == "raw" && !is_escaped         ? Kind::raw
                                                     : Kind::text;
  }

  void print(const rewal::BorrowedEvent& event) {
    if (output_.common().quiet) return;
    line_.clear();
    switch (kind_) {
      case Kind::text: text(event); break;
      case Kind::hex: hex_lines(event); break;
      case Kind::json: json(event); break;
      case Kind::raw: line_ += rewal::as_text(event.payload); break;
    }
    if (kind_ == Kind::raw && ends_with_nul_) line_ += '\0';
    output_.out().write(line_.data(), static_cast<std::streamsize>(line_.size()));
  }

  /// What a decoder made of the event's payload.
  void print_decoded(rewal::Lsn lsn, std::string_view decoded) {
    if (output_.common().quiet) return;
    if (kind_ == Kind::json) {
      output_.out() << Output::dumped({{"type", "event"}, {"lsn", lsn}, {"decoded", decoded}}) << '\n';
    } else {
      output_.out() << output_.dim(std::to_string(lsn)) << '\t'
                    << (output_.common().out_is_terminal ? printable(decoded) : std::string(decoded)) << '\n';
    }
  }

 private:
  enum class Kind : unsigned char { text, hex, json, raw };

  void text(const rewal::BorrowedEvent& event) {
    line_ += output_.dim(std::to_string(event.lsn));
    line_ += '\t';
    append_escaped(line_, rewal::as_text(event.payload));
    if (event.meta) {
      line_ += '\t';
      line_ += output_.warning(escaped(rewal::as_text(*event.meta)));
    }
    line_ += '\n';
  }

  void hex_lines(const rewal::BorrowedEvent& event) {
    line_ += output_.bold("LSN " + std::to_string(event.lsn)) + ", " + counted(event.payload.size(), "byte") + "\n";
    hex_block("", event.payload);
    if (event.meta) {
      line_ += "meta, " + counted(event.meta->size(), "byte") + "\n";
      hex_block("", *event.meta);
    }
  }

  void hex_block(std::string_view indent, rewal::Bytes bytes) {
    constexpr std::size_t width = 16;
    for (std::size_t at = 0; at < bytes.size(); at += width) {
      const auto row = bytes.subspan(at, std::min(width, bytes.size() - at));
      char place[24];
      std::snprintf(place, sizeof place, "  %08zx ", at);
      line_ += indent;
      line_ += place;
      for (std::size_t i = 0; i < width; ++i) {
        line_ += i == width / 2 ? "  " : " ";
        if (i < row.size()) {
          append_hex(line_, std::to_integer<unsigned char>(row[i]));
        } else {
          line_ += "  ";
        }
      }
      line_ += "  |";
      for (const std::byte b : row) {
        const auto c = std::to_integer<unsigned char>(b);
        line_ += c >= 0x20 && c < 0x7F ? static_cast<char>(c) : '.';
      }
      line_ += "|\n";
    }
  }

  /// By hand: this is what a log of millions of events goes through.
  void json(const rewal::BorrowedEvent& event) {
    line_ += "{\"type\":\"event\",\"lsn\":" + std::to_string(event.lsn) + ",\"payload\":\"";
    line_ += hex(event.payload);
    line_ += "\",\"meta\":";
    line_ += event.meta ? "\"" + hex(*event.meta) + "\"" : std::string("null");
    if (const auto text = rewal::as_text(event.payload); is_utf8(text)) {
      line_ += ",\"text\":" + Output::dumped(text);
    }
    line_ += "}\n";
  }

  Output& output_;
  Kind kind_;
  bool ends_with_nul_;
  std::string line_;
};

}  // namespace walctl

#endif  // WALCTL_EVENT_FORMAT_HPP
