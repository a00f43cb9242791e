// SPDX-License-Identifier: MIT
//
// The main job, on real input: every line of a text is appended by several threads and acknowledged when it is durable.
// In the middle of it the writing process is killed. The log is opened again, must hold an exact prefix with every
// acknowledged line in it, and the job is finished. At the end the log is the text, byte for byte.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <rewal/wal.hpp>

#if REWAL_POSIX
#include "quickstart/input.hpp"
#include "quickstart/progress.hpp"
#include "quickstart/victim.hpp"

namespace {

namespace fs = std::filesystem;
using quickstart::Acknowledgement;
using quickstart::Input;
using Clock = std::chrono::steady_clock;

constexpr const char* usage =
    "usage: quickstart [--threads N] [--log PATH] [--keep] [FILE...]\n"
    "\n"
    "Appends every line of the files (default: the headers of rewal) to a log, is killed half-way,\n"
    "recovers, finishes, and compares the log with the files.\n"
    "\n"
    "  --threads N   threads that append, 1 to 1000 (default 8)\n"
    "  --log PATH    the log to write; must not exist (default ./quickstart-<process id>.wal)\n"
    "  --keep        keep the log at the end\n";

struct Arguments {
  std::size_t threads = 8;
  fs::path log = "quickstart-" + std::to_string(::getpid()) + ".wal";
  bool keep = false;
  std::vector<fs::path> files;
};

struct Phase {
  std::size_t appended = 0;
  std::uint64_t fsyncs = 0;
  Clock::duration time{};
};

[[noreturn]] void fail(const std::string& why) { throw std::runtime_error(why); }

template <class T>
T must(rewal::Result<T> result, const char* what) {
  if (!result) fail(std::string(what) + ": " + result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

rewal::Wal<> open_log(const fs::path& path) { return must(rewal::Wal<>::open(path).build(), "opening the log"); }

// An event's meta is the number of its line, in decimal.
std::size_t line_of(const rewal::BorrowedEvent& event) {
  const std::string_view text = event.meta ? rewal::as_text(*event.meta) : std::string_view{};
  std::size_t line = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), line).ptr != text.data() + text.size() || text.empty()) {
    fail("LSN " + std::to_string(event.lsn) + " does not name its line: \"" + std::string(text) + "\"");
  }
  return line;
}

// Thread t appends lines t, t + threads, t + 2 threads, ... that are not in the log yet, in this order.
// Returns the first error.
template <class Acknowledged>
std::optional<rewal::Error> append_lines(rewal::Wal<>& wal, const Input& input, std::size_t threads,
                                         const std::vector<bool>& in_log, Acknowledged&& acknowledged) {
  std::optional<rewal::Error> first_error;
  std::mutex mutex;
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (std::size_t line = t; line < input.lines.size(); line += threads) {
        if (in_log[line]) continue;
        const auto lsn = wal.append_durable_with_meta(input.lines[line], std::to_string(line));
        if (!lsn) {
          const std::lock_guard lock(mutex);
          if (!first_error) first_error = lsn.error();
          return;
        }
        acknowledged(*lsn, line);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  return first_error;
}

// Writes in a child process that dies half-way. Returns what had been acknowledged by then.
std::vector<Acknowledgement> write_until_killed(const Arguments& arguments, const Input& input, Phase& phase) {
  const auto start = Clock::now();
  quickstart::Victim victim([&](auto report) {
    auto opened = rewal::Wal<>::open(arguments.log).build();
    if (!opened) {
      std::cerr << "opening the log: " << opened.error() << '\n';
      return 1;
    }
    rewal::Wal<> wal = std::move(*opened);
    const auto error = append_lines(wal, input, arguments.threads, std::vector<bool>(input.lines.size()),
                                    [&](rewal::Lsn lsn, std::size_t line) {
                                      report(Acknowledgement{lsn, line, wal.stats().sync_count});
                                    });
    if (error) std::cerr << "appending: " << *error << '\n';
    return error ? 1 : 0;
  });

  std::vector<Acknowledgement> acknowledged;
  quickstart::Progress progress("acknowledged", input.lines.size());
  for (Acknowledgement ack{}; victim.next(ack);) {
    acknowledged.push_back(ack);
    phase.fsyncs = std::max(phase.fsyncs, ack.fsyncs);
    if (acknowledged.size() >= input.lines.size() / 2) victim.kill();
    progress.reached(acknowledged.size());
  }
  phase.time = Clock::now() - start;
  phase.appended = acknowledged.size();
  if (!victim.died_of_the_kill()) fail("the writing process ended before it was killed");
  return acknowledged;
}

// The log against the input: LSNs 1, 2, 3, ... without a gap, each event a line of the input, none twice, and the lines
// of each appending thread in their order. Returns which lines are there; line_at[lsn - 1] is the line of an LSN.
std::vector<bool> check_log(const rewal::Wal<>& wal, const Input& input, std::size_t threads,
                            std::vector<std::size_t>& line_at) {
  std::vector<bool> in_log(input.lines.size());
  std::vector<std::size_t> next_of_thread(threads);
  const auto read = wal.replay(1, [&](const rewal::BorrowedEvent& event) {
    const auto at = "LSN " + std::to_string(event.lsn);
    if (event.lsn != line_at.size() + 1) fail(at + " follows LSN " + std::to_string(line_at.size()));
    const std::size_t line = line_of(event);
    if (line >= input.lines.size())
      fail(at + " holds line " + std::to_string(line) + ", which the input does not have");
    if (in_log[line]) fail(at + " holds line " + std::to_string(line) + " a second time");
    if (rewal::as_text(event.payload) != input.lines[line]) fail(at + " differs from its line " + std::to_string(line));
    auto& next = next_of_thread[line % threads];
    if (line / threads != next++) fail(at + " is out of its thread's order");
    in_log[line] = true;
    line_at.push_back(line);
  });
  if (!read) fail("reading the log: " + read.error().message());
  return in_log;
}

void check_acknowledged(const std::vector<Acknowledgement>& acknowledged, const std::vector<std::size_t>& line_at) {
  for (const auto& ack : acknowledged) {
    const auto what = "line " + std::to_string(ack.line) + ", acknowledged as LSN " + std::to_string(ack.lsn);
    if (ack.lsn > line_at.size()) fail(what + ", is lost");
    if (line_at[ack.lsn - 1] != ack.line) fail(what + ", has changed places");
  }
}

void finish(rewal::Wal<>& wal, const Arguments& arguments, const Input& input, const std::vector<bool>& in_log,
            std::size_t recovered, Phase& phase) {
  const auto start = Clock::now();
  std::mutex mutex;
  std::size_t done = recovered;
  quickstart::Progress progress("acknowledged", input.lines.size());
  const auto error = append_lines(wal, input, arguments.threads, in_log, [&](rewal::Lsn, std::size_t) {
    const std::lock_guard lock(mutex);
    progress.reached(++done);
  });
  if (error) fail("appending: " + error->message());
  phase.time = Clock::now() - start;
  phase.appended = done - recovered;
  phase.fsyncs = wal.stats().sync_count;
}

// The text that the log holds, each line put where the input has it.
std::string text_in_log(const rewal::Wal<>& wal, const Input& input) {
  std::string text(input.text.size(), '\0');
  const auto read = wal.replay(1, [&](const rewal::BorrowedEvent& event) {
    const auto place = input.lines.at(line_of(event)).data() - input.text.data();
    text.replace(static_cast<std::size_t>(place), event.payload.size(), rewal::as_text(event.payload));
  });
  if (!read) fail("reading the log: " + read.error().message());
  return text;
}

std::string seconds(Clock::duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(time).count());
  return text;
}

void print_table(const Input& input, std::size_t acknowledged, std::size_t recovered, const Phase& before,
                 const Phase& after) {
  const auto total = std::chrono::duration<double>(before.time + after.time).count();
  const auto row = [](const char* name, const std::string& value) { std::printf("%-30s %14s\n", name, value.c_str()); };
  row("lines", std::to_string(input.lines.size()));
  row("bytes", std::to_string(input.text.size()));
  row("acknowledged before the kill", std::to_string(acknowledged));
  row("recovered after it", std::to_string(recovered));
  row("appended to finish", std::to_string(after.appended));
  row("time, both parts", seconds(before.time + after.time));
  row("durable appends per second",
      std::to_string(static_cast<std::size_t>(static_cast<double>(before.appended + after.appended) / total)));
  row("fsyncs, both parts", std::to_string(before.fsyncs + after.fsyncs));
  std::printf("The log is the input, byte for byte.\n");
}

void run(const Arguments& arguments) {
  const Input input(arguments.files.empty() ? quickstart::sources_below(REWAL_EXAMPLE_TEXT) : arguments.files);

  Phase before;
  const auto acknowledged = write_until_killed(arguments, input, before);

  Phase after;
  std::size_t recovered = 0;
  {
    auto wal = open_log(arguments.log);
    std::vector<std::size_t> line_at;
    const auto in_log = check_log(wal, input, arguments.threads, line_at);
    check_acknowledged(acknowledged, line_at);
    recovered = line_at.size();
    finish(wal, arguments, input, in_log, recovered, after);
    must(wal.shutdown(), "shutting down");
  }

  auto wal = open_log(arguments.log);
  std::vector<std::size_t> line_at;
  check_log(wal, input, arguments.threads, line_at);
  if (text_in_log(wal, input) != input.text) fail("the text in the log differs from the input");
  must(wal.shutdown(), "shutting down");
  print_table(input, acknowledged.size(), recovered, before, after);
}

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!options || !word.starts_with("--")) {
      arguments.files.emplace_back(word);
    } else if (word == "--") {
      options = false;
    } else if (word == "--keep") {
      arguments.keep = true;
    } else if (word == "--log" && i + 1 < argc) {
      arguments.log = argv[++i];
    } else if (word == "--threads" && i + 1 < argc) {
      const std::string_view number = argv[++i];
      const auto end = number.data() + number.size();
      if (std::from_chars(number.data(), end, arguments.threads).ptr != end || arguments.threads < 1 ||
          arguments.threads > 1000) {
        return std::nullopt;
      }
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    std::cerr << usage;
    return 2;
  }
  if (fs::exists(arguments->log)) {
    std::cerr << "quickstart: " << arguments->log.string() << " exists: remove it, or name another with --log\n";
    return 2;
  }
  try {
    run(*arguments);
    if (!arguments->keep) fs::remove(arguments->log);
    return 0;
  } catch (const std::exception& problem) {
    std::cerr << "quickstart: " << problem.what() << '\n';
    if (fs::exists(arguments->log)) std::cerr << "quickstart: the log is left in " << arguments->log.string() << '\n';
    return 1;
  }
}

#else

int main() {
  std::cerr << "quickstart kills a process that it forked, which needs a POSIX system; see tour.cpp for the calls\n";
  return 2;
}

#endif
