// SPDX-License-Identifier: MIT
//
// A TCP server with one thread: each request, a line, becomes an event, and is answered with its LSN once it is durable.
// The thread waits for the disk only where the log's queue is full. In SyncMode::batch the log fsyncs what has gathered
// and tells the hook on_durable, which wakes the poll loop over a pipe: one fsync answers the requests of many
// connections. For clients that are trusted: nothing limits the length of a line, or what a slow reader leaves unread.
//
//   tcp_server FILE [PORT]                       serves until its standard input ends; says its port, 0 is any
//   tcp_server --load PORT CONNECTIONS SECONDS   as many clients, each with one request at a time; says requests a second

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "tcp_server: " << what << '\n';
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  return std::move(*result);
}

int must(std::ptrdiff_t result, const char* call) {
  if (result < 0) fail(std::string(call) + ": " + std::strerror(errno));
  return static_cast<int>(result);
}
struct Durable {  // shared by the hook, which runs on the log's threads, and the loop
  std::atomic<rewal::Lsn> lsn{0};
  int pipe[2]{};
};

struct Waker {
  std::shared_ptr<Durable> durable;
  /// Short, since the log waits for it. A full pipe does no harm: then the loop is about to wake anyway.
  void on_durable(rewal::Lsn lsn) const {
    durable->lsn = lsn;
    if (::write(durable->pipe[1], "", 1) < 0 && errno != EAGAIN) std::abort();
  }
};
using Clock = std::chrono::steady_clock;
using Log = rewal::Wal<rewal::FileStorage, rewal::NoCompressor, rewal::NoIndexer, Waker>;

struct Connection {
  int socket;
  std::string in{}, out{};
  std::deque<rewal::Lsn> waiting{};  // appended and not answered, in order

  /// Takes what has come, and appends each whole line. False where the client is gone.
  bool receive(Log& log) {
    char buffer[16 * 1024];
    const auto got = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    in.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = in.find('\n')) != std::string::npos; in.erase(0, end + 1))
      waiting.push_back(must(log.append(std::string_view(in).substr(0, end))));
    return true;
  }
  /// Answers what has become durable. False where the client is gone.
  bool answer(rewal::Lsn durable) {
    for (; !waiting.empty() && waiting.front() <= durable; waiting.pop_front())
      out += std::to_string(waiting.front()) + '\n';
    const auto sent = out.empty() ? 0 : ::send(socket, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) out.erase(0, static_cast<std::size_t>(sent));
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
  }
};

void serve(const std::string& file, sockaddr_in address) {
  const auto durable = std::make_shared<Durable>();
  must(::pipe(durable->pipe), "pipe");
  for (const int end : durable->pipe) must(::fcntl(end, F_SETFL, O_NONBLOCK), "fcntl");
  auto log = must(rewal::Wal<>::open(file).sync_mode(rewal::SyncMode::batch).hooks(Waker{durable}).build());
  const int listener = must(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  socklen_t size = sizeof address;
  must(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), "bind");
  must(::listen(listener, 512), "listen");
  must(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::cout << "port " << ntohs(address.sin_port) << ", last LSN " << log.last_lsn() << std::endl;
  for (std::vector<Connection> connections;;) {
    std::vector<pollfd> polled{{0, POLLIN, 0}, {durable->pipe[0], POLLIN, 0}, {listener, POLLIN, 0}};
    for (const auto& one : connections)
      polled.push_back({one.socket, static_cast<short>(one.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    if (must(::poll(polled.data(), polled.size(), -1), "poll"); polled[0].revents != 0) break;
    for (char drained[4096]; ::read(durable->pipe[0], drained, sizeof drained) > 0;) continue;
    for (std::size_t i = connections.size(); i-- > 0;) {
      const bool is_there = polled[3 + i].revents == 0 || connections[i].receive(log);
      if (is_there && connections[i].answer(durable->lsn)) continue;
      ::close(connections[i].socket);
      connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (polled[2].revents != 0) connections.push_back({must(::accept(listener, nullptr, nullptr), "accept")});
  }
  if (const auto done = log.shutdown(); !done) fail(done.error().message());
}

void load(const sockaddr_in& address, int clients, int seconds) {
  std::vector<pollfd> polled;
  const auto ask = [](int server) { must(::send(server, "a request of 32 bytes, one line\n", 32, 0), "send"); };
  for (int i = 0; i < clients; ++i) {
    polled.push_back({must(::socket(AF_INET, SOCK_STREAM, 0), "socket"), POLLIN, 0});
    must(::connect(polled.back().fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    ask(polled.back().fd);
  }
  int answers = 0;
  for (const auto end = Clock::now() + std::chrono::seconds(seconds); Clock::now() < end;) {
    must(::poll(polled.data(), polled.size(), 100), "poll");
    for (const auto& one : polled) {
      char answer[64];
      if (one.revents == 0) continue;
      if (::recv(one.fd, answer, sizeof answer, 0) <= 0) fail("the server is gone");
      ++answers, ask(one.fd);
    }
  }
  std::cout << clients << " connections: " << answers / seconds << " durable requests a second\n";
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 0));
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (argc == 5) return load(local, std::atoi(argv[3]), std::atoi(argv[4])), 0;
  serve(argc > 1 ? argv[1] : "tcp-server.wal", local);
}
