// SPDX-License-Identifier: MIT
//
// A durable work queue. A job is an event, and so is its acknowledgement; what was put and not acknowledged is handed
// out again after a restart, so a job is done at least once: what it does must bear being done twice.
//
//   work_queue FOLDER [WORKERS]
//
// Jobs come on the standard input, one a line. `queued ID JOB` says that a job is durable, `begin ID JOB` that a worker
// has it, `done ID` that its acknowledgement is durable too. Ends with the input, once every job is done.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "generations.hpp"

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "work_queue: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// All members from any thread, but for the constructor.
class WorkQueue {
 public:
  struct Job {
    rewal::Lsn id;  // the LSN of the event that put it
    std::string text;
  };

  explicit WorkQueue(const std::string& folder) : log_(must(generations::Generations<>::open(folder))) {
    must(log_->replay(0, [&](const rewal::BorrowedEvent& event) {
      const std::string text(rewal::as_text(event.payload));
      if (text.starts_with("job ")) open_.emplace(event.lsn, text.substr(4));
      if (text.starts_with("ack ")) open_.erase(std::stoull(text.substr(4)));
    }));
    for (const auto& [id, text] : open_) waiting_.push_back({id, text});
  }

  /// The job's ID, once it is durable. It is handed out no earlier: nobody works on what a crash takes back.
  rewal::Lsn put(const std::string& text) {
    rewal::Lsn id = 0;
    {
      // In one step, so that drop_done() never sees a job in the log that is not in open_.
      const std::lock_guard lock(mutex_);
      id = must(log_->append("job " + text));
      open_.emplace(id, text);
    }
    must(log_->wait_durable(id));
    const std::lock_guard lock(mutex_);
    waiting_.push_back({id, text});
    changed_.notify_one();
    return id;
  }

  /// The next job, waiting for one; none once there is no more to wait for. One that is not acknowledged, as by a worker
  /// that died with its process, is handed out again after a restart.
  std::optional<Job> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || closed_; });
    if (waiting_.empty()) return std::nullopt;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    return job;
  }

  /// Returns when the job cannot come back. Plain append() is faster, and after a crash some more jobs come twice.
  void acknowledge(rewal::Lsn id) {
    must(log_->append_durable("ack " + std::to_string(id)));
    const std::lock_guard lock(mutex_);
    open_.erase(id);
    if (++acknowledged_ % 50 == 0) drop_done();
  }

  /// No more jobs are put: take() returns none when all have been handed out.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  /// Forgets the files before the oldest open job. Acknowledgements that stay behind theirs do no harm.
  void drop_done() {
    const rewal::Lsn next = must(log_->roll());
    must(log_->drop_before(open_.empty() ? next : open_.begin()->first));
  }

  std::unique_ptr<generations::Generations<>> log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<rewal::Lsn, std::string> open_;  // put, and not acknowledged
  std::deque<Job> waiting_;                 // of them, those that no worker has
  std::size_t acknowledged_ = 0;
  bool closed_ = false;
};

void say(const char* what, const WorkQueue::Job& job) {
  std::printf("%s %llu %s\n", what, static_cast<unsigned long long>(job.id), job.text.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  WorkQueue queue(argc > 1 ? argv[1] : "work-queue");
  std::vector<std::thread> workers;
  for (int i = 0; i < (argc > 2 ? std::atoi(argv[2]) : 4); ++i) {
    workers.emplace_back([&queue] {
      while (const auto job = queue.take()) {
        say("begin", *job);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the work
        queue.acknowledge(job->id);
        say("done", *job);
      }
    });
  }
  for (std::string text; std::getline(std::cin, text);) say("queued", {queue.put(text), text});
  queue.close();
  for (auto& worker : workers) worker.join();
}
