// SPDX-License-Identifier: MIT
//
// outbox: appends the lines of its input to a log, and ships the log's durable events to another engine. README.md says
// how it is run; here are the threads: this one reads and appends, one ships, one shows what is going on.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <rewal/wal.hpp>

#include <outbox/line_input.hpp>
#include <outbox/outbox.hpp>
#include <outbox/prometheus.hpp>
#include <outbox/screen.hpp>
#include <outbox/settings.hpp>
#include <outbox/wake_pipe.hpp>
#if OUTBOX_REDIS
#include <outbox/redis_sink.hpp>
#endif
#if OUTBOX_NATS
#include <outbox/nats_sink.hpp>
#endif
#if OUTBOX_POSTGRES
#include <outbox/postgres_sink.hpp>
#endif

namespace {

using namespace std::chrono_literals;

constexpr int success = 0;
constexpr int failure = 1;
constexpr int usage = 2;

/// Calls `show` twice a second, and once more at its end.
template <class F>
class Reporter {
 public:
  explicit Reporter(F show) : show_(std::move(show)), thread_([this] { run(); }) {}
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;
  ~Reporter() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
    show_();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, 500ms, [this] { return ends_; })) show_();
  }

  F show_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::thread thread_;
};

void wait_to_be_woken() {
  struct ::pollfd watched = {outbox::WakePipe::descriptor(), POLLIN, 0};
  while (::poll(&watched, 1, -1) < 0) {
  }
}

template <outbox::Sink S>
int ship(const outbox::Settings& settings, rewal::Wal<>& wal, S sink) {
  outbox::Screen screen(settings.quiet);
  const outbox::Prometheus prometheus(outbox::description_of(sink));
  outbox::Options options;
  options.batch_events = settings.batch_events;
  options.batch_bytes = settings.batch_bytes;
  options.most_pause = settings.most_pause;
  options.least_pause = (std::min)(options.least_pause, settings.most_pause);
  options.look_every = settings.look_every;
  options.skip_missing = settings.skip_missing;
  options.say = [&screen](const std::string& text) { screen.say(text); };
  outbox::Outbox<S> box(wal, std::move(sink), options);

  const auto begun = std::chrono::steady_clock::now();
  std::atomic<bool> is_done{false};  // released when `ended` is written
  outbox::Outcome<void> ended;
  std::thread shipper([&] {
    ended = box.run();
    is_done.store(true, std::memory_order_release);
    outbox::WakePipe::wake('d');
  });
  bool is_metrics_told = false;
  const auto show = [&] {
    const auto now = box.progress();
    screen.draw(now);
    if (settings.metrics.empty() || outbox::Prometheus::write(settings.metrics, prometheus.text(now))) return;
    if (!std::exchange(is_metrics_told, true)) screen.complain("cannot write " + settings.metrics);
  };
  int code = success;
  {
    const Reporter reporter(show);
    if (settings.reads_input) {
      outbox::LineInput input(wal, STDIN_FILENO, outbox::WakePipe::descriptor(), settings.meta_before_tab);
      const auto end = input.run();
      const auto flushed = wal.flush();
      if (!end || !flushed) {
        screen.complain(end ? flushed.error().message() : end.error().message());
        code = failure;
      } else if (*end == outbox::LineInput::End::input) {
        box.finish(wal.last_lsn());
        wait_to_be_woken();
      }
    } else {
      wait_to_be_woken();
    }
    box.stop();
    shipper.join();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  screen.clear();
  if (is_done.load(std::memory_order_acquire) && !ended) {
    screen.complain(ended.problem().message);
    code = failure;
  }
  if (auto done = wal.shutdown(); !done) {
    screen.complain(done.error().message());
    code = failure;
  }
  const auto last = box.progress();
  screen.say("shipped " + std::to_string(last.events) + " events in " + std::to_string(seconds.count()) +
             " s, up to LSN " + std::to_string(last.shipped_lsn) + "; " + std::to_string(last.lag) + " not shipped");
  return code;
}

int run(const outbox::Settings& settings) {
  const auto starts_with = [&](std::string_view scheme) {
    return std::string_view(settings.to).substr(0, scheme.size()) == scheme;
  };
  const auto complain = [](const std::string& text) {
    std::fprintf(stderr, "outbox: %s\n", text.c_str());
    return failure;
  };
  auto wal = rewal::Wal<>::open(settings.log).start_lsn(settings.start_lsn).build();
  if (!wal) return complain(wal.error().message());
#if OUTBOX_REDIS
  if (starts_with("redis://")) {
    const auto address = outbox::RedisAddress::parse(settings.to);
    if (!address) return complain("--to is not redis://[[user]:password@]host[:port][/database]");
    return ship(settings, *wal, outbox::RedisSink(*address, settings.stream));
  }
#endif
#if OUTBOX_NATS
  if (starts_with("nats://") || starts_with("tls://")) {
    return ship(settings, *wal, outbox::NatsSink(settings.to, settings.stream, settings.most_placeholders));
  }
#endif
#if OUTBOX_POSTGRES
  if (starts_with("postgresql://") || starts_with("postgres://")) {
    return ship(settings, *wal, outbox::PostgresSink(settings.to, settings.stream));
  }
#endif
  return complain("--to begins with none of the schemes that this program was built for:" OUTBOX_SCHEMES), usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    int code = success;
    const auto settings = outbox::parse(argc, argv, code);
    if (!settings) return code;
    if (!outbox::WakePipe::open()) {
      std::fputs("outbox: no pipe: too many open files\n", stderr);
      return failure;
    }
    return run(*settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "outbox: %s\n", error.what());
    return failure;
  }
}
