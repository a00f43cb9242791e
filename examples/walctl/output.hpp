// SPDX-License-Identifier: MIT
//
// Output: where a command says what. Data goes to `out`, as text or as JSON Lines that a summary object always ends;
// messages go to `err`, one line each, free of anything that could harm a terminal. Used by one thread.
// What is worth saying is left to the commands.

#ifndef WALCTL_OUTPUT_HPP
#define WALCTL_OUTPUT_HPP

#include <atomic>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <walctl/escape.hpp>
#include <walctl/exit_code.hpp>

namespace walctl {

using Json = nlohmann::ordered_json;

/// What all commands are told.
struct Common {
  bool quiet = false;                       ///< the exit code alone
  bool json = false;                        ///< JSON Lines
  bool colour = false;                      ///< of `out`
  bool out_is_terminal = false;             ///< then payload bytes are escaped, whatever the format
  bool err_is_terminal = false;             ///< then progress is shown there
  std::string compressor = "auto";          ///< auto, none, zstd or lz4
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal: end quietly
  int out_descriptor = -1;                  ///< of `out`, where the system can say that nobody reads it any more

  [[nodiscard]] bool stopped() const noexcept { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

class Output {
 public:
  Output(std::ostream& out, std::ostream& err, const Common& common, std::string_view command)
      : out_(out), err_(err), common_(common), summary_{{"type", "summary"}, {"command", command}} {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] bool is_text() const noexcept { return !common_.json && !common_.quiet; }
  [[nodiscard]] bool is_json() const noexcept { return common_.json && !common_.quiet; }
  /// Whether there is anybody left to write to.
  [[nodiscard]] bool goes_on() const noexcept { return out_.good() && !common_.stopped(); }

  void text(std::string_view line) {
    if (is_text()) out_ << line << '\n';
  }
  void json(const Json& object) {
    if (is_json()) out_ << dumped(object) << '\n';
  }
  /// A line for a person. Names the file that it is about.
  void message(std::string_view text) {
    if (!common_.quiet) err_ << "walctl: " << printable(text) << '\n';
  }
  void message(std::string_view file, std::string_view text) {
    std::string whole(file);
    whole += ": ";
    whole += text;
    message(whole);
  }
  /// An error ends what is being done: said to the person and in the summary. Returns its exit code.
  int failure(std::string_view file, std::string_view text, int code = exit_failure) {
    message(file, text);
    summary_["error"] = printable(std::string(file) + ": " + std::string(text));
    return code;
  }
  int failure(std::string_view file, const rewal::Error& error, int code = exit_failure) {
    return failure(file, error.in_file(nullptr).message(), code);  // the file's name stands before it
  }

  /// Figures of the summary.
  template <class T>
  void note(const char* key, T&& value) {
    summary_[key] = std::forward<T>(value);
  }
  /// The end of every command: the summary, and the exit code.
  int finish(int code) {
    summary_["exit_code"] = code;
    json(summary_);
    out_.flush();
    return code;
  }

  // Colours, where they are wanted.
  [[nodiscard]] std::string good(std::string_view text) const { return painted("32", text); }
  [[nodiscard]] std::string warning(std::string_view text) const { return painted("33", text); }
  [[nodiscard]] std::string bad(std::string_view text) const { return painted("1;31", text); }
  [[nodiscard]] std::string bold(std::string_view text) const { return painted("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return painted("2", text); }
  [[nodiscard]] std::string by_code(int code, std::string_view text) const {
    return code == exit_clean ? good(text) : code == exit_torn ? warning(text) : bad(text);
  }

  [[nodiscard]] std::ostream& out() noexcept { return out_; }
  [[nodiscard]] const Common& common() const noexcept { return common_; }

  /// One line, of ASCII and UTF-8 alone, whatever the strings in it hold.
  [[nodiscard]] static std::string dumped(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

 private:
  [[nodiscard]] std::string painted(const char* code, std::string_view text) const {
    if (!common_.colour) return std::string(text);
    return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
  }

  std::ostream& out_;
  std::ostream& err_;
  const Common& common_;
  Json summary_;
};

}  // namespace walctl

#endif  // WALCTL_OUTPUT_HPP
