// SPDX-License-Identifier: MIT
//
// diff: the first LSN at which two logs differ, by what their events hold; how events are framed does not matter.

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>

#include <walctl/commands/commands.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

bool same_bytes(rewal::Bytes a, rewal::Bytes b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

bool same_meta(const rewal::BorrowedEvent& a, const rewal::BorrowedEvent& b) {
  return a.meta.has_value() == b.meta.has_value() && (!a.meta || same_bytes(*a.meta, *b.meta));
}

struct Difference {
  rewal::Lsn lsn = 0;
  std::string kind;  // payload, meta, lsn, only_in_a, only_in_b
  std::string words;
};

/// Two events of the same place; none where they are equal.
std::optional<Difference> compare(const rewal::BorrowedEvent& a, const rewal::BorrowedEvent& b) {
  if (a.lsn != b.lsn) {
    return Difference{std::min(a.lsn, b.lsn), "lsn",
                      "LSN " + std::to_string(a.lsn) + " in one, " + std::to_string(b.lsn) + " in the other"};
  }
  if (!same_bytes(a.payload, b.payload)) {
    const auto [at, other] = std::mismatch(a.payload.begin(), a.payload.end(), b.payload.begin(), b.payload.end());
    static_cast<void>(other);
    return Difference{a.lsn, "payload",
                      "the payloads differ from byte " + grouped(static_cast<std::uint64_t>(at - a.payload.begin())) +
                          " on (" + counted(a.payload.size(), "byte") + ", " + counted(b.payload.size(), "byte") + ")"};
  }
  if (!same_meta(a, b)) return Difference{a.lsn, "meta", "the metas differ"};
  return std::nullopt;
}

struct Compared {
  std::uint64_t equal = 0;
  std::optional<Difference> difference;
};

rewal::Result<Compared> compare_all(LogView& a, LogView& b, const Output& output) {
  Compared result;
  // Nothing to read in a new log.
  auto of_a = a.reader().iterator(0);
  if (!of_a) return of_a.error();
  auto of_b = b.reader().iterator(0);
  if (!of_b) return of_b.error();
  while (output.goes_on()) {
    auto event_a = of_a->next_borrowed();
    if (!event_a) return event_a.error();
    auto event_b = of_b->next_borrowed();
    if (!event_b) return event_b.error();
    if (!*event_a && !*event_b) break;
    if (*event_a && *event_b) {
      result.difference = compare(**event_a, **event_b);
    } else if (*event_a) {
      result.difference = Difference{(*event_a)->lsn, "only_in_a", "only in " + printable(a.path())};
    } else {
      result.difference = Difference{(*event_b)->lsn, "only_in_b", "only in " + printable(b.path())};
    }
    if (result.difference) break;
    ++result.equal;
  }
  return result;
}

}  // namespace

int diff(std::ostream& out, std::ostream& err, const DiffOptions& options) {
  Output output(out, err, options.common, "diff");
  auto a = LogView::open(options.a, options.common);
  if (!a) return output.finish(output.failure(options.a, a.error()));
  auto b = LogView::open(options.b, options.common);
  if (!b) return output.finish(output.failure(options.b, b.error()));
  for (LogView* const view : {&*a, &*b}) {
    if (view->code() == exit_foreign) {
      return output.finish(output.failure(view->path(), "this is not a log", exit_foreign));
    }
    if (view->code() != exit_clean) {
      output.message(view->path(), std::string(view->verdict()) + " at offset " +
                                       std::to_string(view->found().bad_at.value_or(0)) +
                                       ": only what stands before it is compared");
    }
  }
  const auto compared = compare_all(*a, *b, output);
  if (!compared) return output.finish(output.failure(options.a + ", " + options.b, compared.error()));
  int code = worst(a->code(), b->code());
  output.note("equal_events", compared->equal);
  output.note("differ", compared->difference.has_value());
  if (compared->difference) {
    code = worst(code, exit_torn);
    output.text("LSN " + std::to_string(compared->difference->lsn) + ": " + compared->difference->words + "; " +
                counted(compared->equal, "event") + " before it " + (compared->equal == 1 ? "is" : "are") + " equal");
    output.note("lsn", compared->difference->lsn);
    output.note("kind", compared->difference->kind);
  } else {
    output.text("equal, " + counted(compared->equal, "event"));
  }
  return output.finish(code);
}

}  // namespace walctl
