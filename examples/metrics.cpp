// SPDX-License-Identifier: MIT
//
// What a log tells a monitor: stats() in the text format of Prometheus, served over HTTP. stats() takes no lock and may
// be asked at any time, so a scrape costs the writers nothing.
//
//   metrics FILE [PORT]    appends lines of the standard input until it ends; says its address, port 0 is any
//
// Watch first: rewal_error (not 0: nothing more is written, reopen), durable_lag_events, queue_frames, and the 99th
// percentile of fsync_seconds: histogram_quantile(0.99, rate(rewal_fsync_seconds_bucket[5m])).

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <rewal/wal.hpp>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "metrics: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

int must(int result, const char* call) {
  if (result < 0) fail(std::string(call) + ": " + std::strerror(errno));
  return result;
}

/// One metric without labels, with the two lines that say what it is.
void say(std::ostream& out, const char* name, const char* type, const char* help, std::uint64_t value) {
  out << "# HELP rewal_" << name << ' ' << help << "\n# TYPE rewal_" << name << ' ' << type << "\nrewal_" << name << ' '
      << value << '\n';
}

/// Buckets of a Prometheus histogram count everything up to their bound; those of SyncHistogram what is between two.
void say(std::ostream& out, const rewal::SyncHistogram& times) {
  out << "# HELP rewal_fsync_seconds Time that an fsync took.\n# TYPE rewal_fsync_seconds histogram\n";
  std::uint64_t count = 0;
  double bound = 2e-6;  // of the first bucket, in seconds; each is twice as wide as the one before
  for (std::size_t i = 0; i < times.counts.size(); ++i, bound *= 2) {
    count += times.counts[i];
    if (i + 1 < times.counts.size()) out << "rewal_fsync_seconds_bucket{le=\"" << bound << "\"} " << count << '\n';
  }
  out << "rewal_fsync_seconds_bucket{le=\"+Inf\"} " << count << "\nrewal_fsync_seconds_sum "
      << static_cast<double>(times.total) * 1e-9 << "\nrewal_fsync_seconds_count " << count << '\n';
}

/// All metrics of a log. One process with several logs gives each metric a label with the log's name.
std::string metrics_of(const rewal::Wal<>& wal) {
  const rewal::Stats now = wal.stats();  // one snapshot, so that the figures fit together
  std::ostringstream out;
  out.precision(9);
  say(out, "events_total", "counter", "Events written.", now.events_written);
  say(out, "frames_total", "counter", "Frames written; an append or a batch is one.", now.batches_written);
  say(out, "written_bytes_total", "counter", "Bytes written.", now.bytes_written);
  say(out, "synced_bytes_total", "counter", "Bytes that an fsync has covered.", now.bytes_synced);
  say(out, "compression_saved_bytes_total", "counter", "Bytes that compression saved.", now.compressed_bytes);
  say(out, "dropped_events_total", "counter", "Events dropped because the queue was full.", now.drops);
  say(out, "corruptions", "gauge", "Damage found when the log was opened.", now.corruptions);
  say(out, "queue_frames", "gauge", "Frames accepted and not yet written.", now.queue_len);
  say(out, "file_bytes", "gauge", "Size of the log.", now.file_size);
  say(out, "last_lsn", "gauge", "Highest LSN written.", now.last_lsn);
  say(out, "durable_lsn", "gauge", "Highest LSN that is durable.", now.durable_lsn);
  say(out, "durable_lag_events", "gauge", "Events that a power loss would take.", now.last_lsn - now.durable_lsn);
  say(out, "running", "gauge", "1 while the log takes events.", now.state == rewal::State::running);
  say(out, "error", "gauge", "1 after a write or fsync has failed, which is final.", wal.error().has_value());
  say(out, now.sync_time);
  return out.str();
}

/// Answers one request after the other: a monitor asks every few seconds. It must not wait for a client for ever.
void serve(int listener, const rewal::Wal<>& wal) {
  for (;;) {
    const int client = must(::accept(listener, nullptr, nullptr), "accept");
    const timeval patience{1, 0};
    must(::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "setsockopt");
    must(::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "setsockopt");
    char request[2048] = {};
    const bool asks = ::recv(client, request, sizeof request - 1, 0) > 0;
    const bool known = asks && std::string(request).starts_with("GET /metrics ");
    const std::string body = known ? metrics_of(wal) : "see /metrics\n";
    const std::string answer = std::string("HTTP/1.1 ") + (known ? "200 OK" : "404 Not Found") +
                               "\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t sent = 0; asks && sent < answer.size();) {
      const auto part = ::send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (part <= 0) break;
      sent += static_cast<std::size_t>(part);
    }
    ::close(client);
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto wal = must(rewal::Wal<>::open(argc > 1 ? argv[1] : "metrics.wal").build());
  const int listener = must(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(::listen(listener, 16), "listen");
  must(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::cout << "http://127.0.0.1:" << ntohs(address.sin_port) << "/metrics" << std::endl;
  std::thread(serve, listener, std::cref(wal)).detach();
  for (std::string line; std::getline(std::cin, line);) must(wal.append_durable(line));
  must(wal.shutdown());
  std::_Exit(0);  // the serving thread has no end of its own
}
