// SPDX-License-Identifier: MIT
//
// The checker's teeth, and the proof that edges are needed: each edge of the tables on top of ring.hpp, event_count.hpp,
// write_lock.hpp and progress.hpp is weakened in the library's own code as it runs, and a scenario must go wrong; so must each
// scenario that breaks a rule of use. The operations are found by the names of their edges in the sources' comments.

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "../torture/report.hpp"
#include "catalog.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

const Entry& scenario(const std::string& name) {
  for (const auto* catalog : {&waiting_catalog(), &ring_catalog(), &follower_catalog()}) {
    for (const Entry& entry : *catalog) {
      if (entry.name == name) return entry;
    }
  }
  FAIL("no scenario is called " << name);
  throw 0;
}

/// The statement's line or lines in the source.
std::string source_of(const Ordered& operation) {
  std::ifstream file(operation.site.file);
  std::string line;
  for (unsigned i = 0; i < operation.site.line; ++i) std::getline(file, line);
  std::string text = line;
  while (line.find(';') == std::string::npos && line.find('{') == std::string::npos && std::getline(file, line))
    text += line;
  return text;
}

/// All operations that the scenario runs.
std::vector<Ordered> survey(const Entry& entry) {
  static_cast<void>(take_survey());
  Limits limits = limits_of(entry);
  limits.most_runs = 3000;
  CHECK(explore(limits, entry.make).violation == "");
  return take_survey();
}

/// Operations of `file` whose source holds `text`, each with its order replaced by `to`.
Weakenings weaken(const Entry& entry, const char* file, const std::string& text, std::memory_order to) {
  Weakenings all;
  for (const Ordered& operation : survey(entry)) {
    if (std::strstr(operation.site.file, file) == nullptr || source_of(operation).find(text) == std::string::npos)
      continue;
    all.push_back({operation.site, operation.order, to});
  }
  return all;
}

struct Edge {
  const char* file;
  const char* text;  // in the source of its operations
  std::memory_order weaker;
  const char* scenario;
};

TEST_CASE("each edge is needed: weakened, it lets a scenario go wrong") {
  const Edge edges[] = {
      {"ring.hpp", "R1, partner R2", relaxed, "producer, consumer"},
      {"ring.hpp", "R2, partner R1", relaxed, "producer, consumer"},
      {"claim_counters.hpp", "R3, partner R4", relaxed, "the freed place"},
      {"queue/claim", "tail_.load(std::memory_order_acquire)", relaxed, "the freed place"},  // R4, wherever it stands
      {"claims.hpp", "R6", relaxed, "a refusal is true"},
      {"claims.hpp", "const Word now = head_.load", relaxed, "a refusal is true"},
      {"ring.hpp", "R8, partner R9", relaxed, "large, consumer"},
      {"ring.hpp", "R9, partner R8", relaxed, "large, consumer"},
      {"event_count.hpp", "W1, partner N3", acq_rel, "waiter, notifier"},
      {"event_count.hpp", "N3, partner W1", acquire, "waiter, notifier"},
      {"event_count.hpp", "W2, partner N2", relaxed, "waiter, notifier"},
      {"event_count.hpp", "N2, partner W2", acquire, "waiter, notifier"},
      {"write_lock.hpp", "P1, partner P2", release, "write lock, two"},
      {"write_lock.hpp", "P2, partner P1", relaxed, "write lock, two"},
      {"write_lock.hpp", "P2, partner P1", release, "write lock, told if he asked"},
      {"write_lock.hpp", "bool is_held()", acquire, "write lock, told if he asked"},
      {"progress.hpp", "end.store(offset", relaxed, "written, one producer"},
      {"progress.hpp", "reach(follow).end.load", relaxed, "written, one producer"},
      {"progress.hpp", "last_lsn.store(lsn", release, "durable, one producer who writes alone"},
      {"progress.hpp", "reach(follow).last_lsn.load", acquire, "durable, one producer who writes alone"},
      {"event_count.hpp", "bool has_sleepers()", acquire, "durable, one producer who writes alone"},
      {"progress.hpp", "ending_.store", relaxed, "failed"},
      {"progress.hpp", "ending_.load", relaxed, "failed"},
  };
  rewal_torture::Row row("G13", "edges proved necessary", "edges");
  for (const Edge& edge : edges) {
    const Entry& entry = scenario(edge.scenario);
    const Weakenings weakenings = weaken(entry, edge.file, edge.text, edge.weaker);
    INFO(edge.file << ": " << edge.text << ", in \"" << edge.scenario << "\"");
    CHECK_FALSE(weakenings.empty());
    const Explored explored = explore(limits_of(entry), entry.make, weakenings);
    CHECK(explored.violation != "");
    if (explored.violation.empty()) ++row.violations;
    ++row.count;
  }
}

TEST_CASE("each broken rule is found") {
  rewal_torture::Row row("G13", "planted misuses found", "misuses");
  for (const auto* catalog : {&broken_waiting_catalog(), &broken_ring_catalog()}) {
    for (const Entry& entry : *catalog) {
      INFO(entry.name);
      const Explored explored = explore(limits_of(entry), entry.make);
      CHECK(explored.violation != "");
      if (explored.violation.empty()) ++row.violations;
      ++row.count;
    }
  }
}

const char* name_of(std::memory_order order) {
  switch (order) {
    case relaxed: return "relaxed";
    case acquire: return "acquire";
    case release: return "release";
    case acq_rel: return "acq_rel";
    default: return "seq_cst";
  }
}

std::vector<std::memory_order> weaker_than(const Ordered& operation) {
  if (operation.order != seq_cst) return {relaxed};
  switch (operation.kind) {
    case Kind::load: return {acquire, relaxed};
    case Kind::store: return {release, relaxed};
    default: return {acq_rel, release, acquire, relaxed};
  }
}

// Not a test but a table: every operation of sync/ by itself, every weaker order, and the scenario that it breaks, if
// any is found. One that breaks none may still be needed together with another, or by what is not in the catalog.
TEST_CASE("survey of all memory orders", "[.survey]") {
  std::map<std::string, std::pair<Ordered, std::vector<const Entry*>>> operations;
  for (const auto* catalog : {&waiting_catalog(), &ring_catalog()}) {
    for (const Entry& entry : *catalog) {
      if (entry.is_long || entry.name.find("counted apart") == 0) continue;
      for (const Ordered& operation : survey(entry)) {
        const char* const file = std::strstr(operation.site.file, "rewal/sync/");
        if (file == nullptr) continue;
        char key[128];
        std::snprintf(key, sizeof key, "%s:%04u %s %d", file, operation.site.line, name_of(operation.order),
                      static_cast<int>(operation.kind));
        auto& found = operations.try_emplace(key, operation, std::vector<const Entry*>()).first->second;
        found.second.push_back(&entry);
      }
    }
  }
  for (const auto& [key, found] : operations) {
    const std::string text = source_of(found.first);
    std::printf("%s  %s\n", key.c_str(), text.substr(text.find_first_not_of(' ')).c_str());
    for (const std::memory_order order : weaker_than(found.first)) {
      std::string broken = "nothing found";
      for (const Entry* entry : found.second) {
        Limits limits = limits_of(*entry);
        limits.most_runs = 50'000;
        limits.seconds = 3;
        const Explored explored = explore(limits, entry->make, {{found.first.site, found.first.order, order}});
        if (explored.violation.empty()) continue;
        broken = entry->name + ": " + explored.violation;
        break;
      }
      std::printf("    %-8s %s\n", name_of(order), broken.c_str());
    }
    std::fflush(stdout);
  }
}

}  // namespace
