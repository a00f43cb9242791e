// SPDX-License-Identifier: MIT

#include <filesystem>

#include <CLI/CLI.hpp>

#include <outbox/settings.hpp>

namespace outbox {

std::optional<Settings> parse(int argc, char** argv, int& exit_code) {
  Settings settings;
  CLI::App app{"Appends the lines of its input to a log, and ships the log's durable events to another engine."};
  app.name("outbox");
  app.add_option("--log", settings.log, "The log; it is made where there is none")->required()->type_name("FILE");
  app.add_option("--to", settings.to,
                 "redis://..., nats://... or postgresql://...; or in the environment, where no "
                 "other user reads its password")
      ->required()
      ->envname("OUTBOX_TO")
      ->type_name("URL");
  app.add_option("--stream", settings.stream, "Stream or table at the target; if not given, the log's name")
      ->type_name("NAME");
  app.add_option("--metrics", settings.metrics, "Write figures for Prometheus into this file, twice a second")
      ->type_name("FILE");
  app.add_flag("!--no-input", settings.reads_input, "Append nothing: ship until a signal comes");
  app.add_flag("--meta-before-tab", settings.meta_before_tab, "What stands before a line's first tab is its meta");
  app.add_flag("--quiet", settings.quiet, "No progress line, and no word but of errors");
  app.add_option("--batch", settings.batch_events, "Most events shipped together")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--batch-bytes", settings.batch_bytes, "Most bytes shipped together, a single event excepted")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30U))
      ->capture_default_str();
  std::uint64_t most_pause = 15'000;
  app.add_option("--most-pause", most_pause, "Longest pause between two tries, in milliseconds")
      ->check(CLI::Range(std::uint64_t{10}, std::uint64_t{3'600'000}))
      ->capture_default_str();
  std::uint64_t look_every = 10'000;
  app.add_option("--look-every", look_every, "With nothing to ship, ask the target this often, in milliseconds")
      ->check(CLI::Range(std::uint64_t{10}, std::uint64_t{3'600'000}))
      ->capture_default_str();
  app.add_option("--start-lsn", settings.start_lsn, "First LSN of a new log")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62U))
      ->capture_default_str();
  app.add_option("--most-placeholders", settings.most_placeholders,
                 "NATS: the longest gap of LSNs within a log that is filled with empty messages")
      ->capture_default_str();
  app.add_flag("--skip-missing", settings.skip_missing,
               "Go on where the log begins, though the target lacks events before that");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  settings.most_pause = std::chrono::milliseconds(most_pause);
  settings.look_every = std::chrono::milliseconds(look_every);
  if (settings.stream.empty()) settings.stream = std::filesystem::path(settings.log).stem().string();
  return settings;
}

}  // namespace outbox
