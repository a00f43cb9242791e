// SPDX-License-Identifier: MIT
//
// What an outbox is made of: pauses, batches, its figures, addresses.

#include <catch2/catch_test_macros.hpp>
#include <outbox/backoff.hpp>
#include <outbox/fake_target.hpp>
#include <outbox/nats_ack.hpp>
#include <outbox/postgres_copy.hpp>
#include <outbox/prometheus.hpp>
#include <outbox/redis_address.hpp>
#include <set>
#include <support/temp_dir.hpp>

namespace rewal_test {
namespace {

using outbox::RedisAddress;

TEST_CASE("pauses double up to the longest, and half of each is left to chance", "[outbox]") {
  outbox::Backoff backoff(10ms, 100ms, 1);
  for (const auto whole : {10ms, 20ms, 40ms, 80ms, 100ms, 100ms}) {
    const auto pause = backoff.next();
    CHECK(pause >= whole / 2);
    CHECK(pause <= whole);
  }
  backoff.reset();
  CHECK(backoff.next() <= 10ms);
  CHECK(backoff.longest() >= 50ms);
}

TEST_CASE("two outboxes do not come back at the same moments", "[outbox]") {
  std::set<std::int64_t> pauses;
  for (std::uint64_t seed = 0; seed < 20; ++seed) pauses.insert(outbox::Backoff(1000ms, 1000ms, seed).next().count());
  CHECK(pauses.size() > 10);
}

TEST_CASE("a batch gives back its events", "[outbox]") {
  Batch batch;
  CHECK(batch.empty());
  const auto one = std::string("one"), meta = std::string("meta"), none = std::string();
  batch.add({7, std::as_bytes(std::span(one)), std::as_bytes(std::span(meta)), 0});
  batch.add({9, std::as_bytes(std::span(none)), std::nullopt, 0});
  CHECK(batch.size() == 2);
  CHECK(batch.bytes() == 7);
  CHECK(batch.first_lsn() == 7);
  CHECK(batch.last_lsn() == 9);
  CHECK(batch[0].payload == "one");
  CHECK(batch[0].meta == "meta");
  CHECK(batch[1].payload.empty());
  CHECK(batch[1].meta.empty());
  CHECK(batch.above(6) == 0);
  CHECK(batch.above(7) == 1);
  CHECK(batch.above(9) == 2);
  batch.clear();
  CHECK(batch.empty());
}

TEST_CASE("addresses of Redis", "[outbox]") {
  const auto parts = [](std::string_view url) {
    const auto address = RedisAddress::parse(url);
    if (!address) return std::string("none");
    return address->host + "|" + std::to_string(address->port) + "|" + address->user + "|" + address->password + "|" +
           std::to_string(address->database);
  };
  CHECK(parts("redis://") == "127.0.0.1|6379|||0");
  CHECK(parts("redis://db.example") == "db.example|6379|||0");
  CHECK(parts("redis://db:7000/3") == "db|7000|||3");
  CHECK(parts("redis://:secret@db") == "db|6379||secret|0");
  CHECK(parts("redis://me:a%40b%3a@db:1/") == "db|1|me|a@b:|0");
  CHECK(parts("redis://[::1]:7000") == "::1|7000|||0");
  CHECK(parts("redis://[::1]") == "::1|6379|||0");
  CHECK(parts("rediss://db") == "none");
  CHECK(parts("redis://db:port") == "none");
  CHECK(parts("redis://db:70000") == "none");
  CHECK(parts("redis://db/x") == "none");
  CHECK(parts("redis://me@db") == "none");
}

TEST_CASE("what JetStream answers", "[outbox]") {
  const auto stored = outbox::NatsAck::parse(R"({"stream":"orders", "seq":17})");
  CHECK(stored.error == 0);
  CHECK(outbox::NatsAck::parse(R"({"stream":"orders","seq":17})").sequence == 17);
  const auto refused = outbox::NatsAck::parse(
      R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 16"},"stream":"orders","seq":0})");
  CHECK(refused.error == 10071);
  CHECK(refused.sequence == 0);
  CHECK(refused.problem().trouble == Trouble::overtaken);
  CHECK(refused.problem().message == "it has moved on: it says \"wrong last sequence: 16\"");
  const auto full = outbox::NatsAck::parse(
      R"({"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"orders","seq":0})");
  CHECK(full.problem().trouble == Trouble::full);
}

TEST_CASE("text for NATS", "[outbox]") {
  CHECK(outbox::percent_encoded("plain/text") == "plain/text");
  CHECK(outbox::percent_encoded(std::string_view(" 100%\r\n\0\xff", 9)) == "%20100%25%0D%0A%00%FF");
  CHECK(outbox::is_plain("orders_2-a"));
  CHECK_FALSE(outbox::is_plain("orders.2"));
  CHECK_FALSE(outbox::is_plain("\"}"));
  CHECK_FALSE(outbox::is_plain(""));
}

TEST_CASE("rows for COPY", "[outbox]") {
  using namespace std::string_view_literals;
  outbox::PostgresCopy copy;
  copy.clear();
  CHECK(copy.add({258, "ab", ""}));
  CHECK(copy.add({1, "", "m"}));
  CHECK_FALSE(copy.add({Lsn{1} << 63U, "", ""}));
  copy.end();
  CHECK(copy.bytes() ==
        "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
        "\0\3\0\0\0\10\0\0\0\0\0\0\1\2\0\0\0\2ab\377\377\377\377"
        "\0\3\0\0\0\10\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1m\377\377"sv);
}

TEST_CASE("figures for Prometheus", "[outbox]") {
  const TempDir folder;
  outbox::Snapshot now;
  now.lag = 42;
  now.failures[static_cast<std::size_t>(Trouble::full)] = 3;
  const auto text = outbox::Prometheus("the \"target\"").text(now);
  CHECK(text.find("\noutbox_lag_events{target=\"the \\\"target\\\"\"} 42\n") != std::string::npos);
  CHECK(text.find("\noutbox_failures_total{target=\"the \\\"target\\\"\",trouble=\"full\"} 3\n") != std::string::npos);
  const auto file = (folder / "figures").string();
  CHECK(outbox::Prometheus::write(file, text));
  CHECK(outbox::Prometheus::write(file, text));
  CHECK(folder.read("figures").size() == text.size());
  CHECK_FALSE(outbox::Prometheus::write((folder / "missing/figures").string(), text));
}

}  // namespace
}  // namespace rewal_test
