# SPDX-License-Identifier: MIT
"""Writes headers that hold all changes at once; which one is in force is said at run time.

REWAL_MUTANT names it by its number. REWAL_MUTANT_REACHED names a file with one byte for each number, which becomes 1
where the run comes to the place. What the compiler computes is never changed.
"""

import collections

SUPPORT = """// SPDX-License-Identifier: MIT
#ifndef REWAL_MUTANT_HPP
#define REWAL_MUTANT_HPP
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
namespace rewal_mutants {{
inline unsigned char unheard[{count}];
inline unsigned char* reached = unheard;
inline int active = -1;
inline bool begin() noexcept {{
  if (const char* number = ::getenv("REWAL_MUTANT")) active = ::atoi(number);
  if (const char* name = ::getenv("REWAL_MUTANT_REACHED")) {{
    const int file = ::open(name, O_RDWR | O_CLOEXEC);
    void* const memory = ::mmap(nullptr, {count}, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) reached = static_cast<unsigned char*>(memory);
    ::close(file);
  }}
  return true;
}}
inline const bool begun = begin();
}}
constexpr bool rewal_mutant(int number) noexcept {{
  if (__builtin_is_constant_evaluated()) return false;
  __atomic_store_n(rewal_mutants::reached + number, 1, __ATOMIC_RELAXED);
  return rewal_mutants::active == number;
}}
#endif
"""

OUTERMOST = {"statement": 0, "return": 1, "condition": 2, "expression": 3}


def around(change, number):
    """What is put before the original and behind it."""
    if change.form == "statement":
        return f"if (!rewal_mutant({number})) ", ""
    if change.form == "return":
        return f"{{ if (rewal_mutant({number})) return {{}}; ", " }"
    if change.form == "condition":
        return f"(rewal_mutant({number}) != static_cast<bool>(", "))"
    return f"(rewal_mutant({number}) ? ({change.changed}) : (", "))"


def written(data, numbered):
    """The header's bytes with these (number, change) in them."""
    before, behind = collections.defaultdict(list), collections.defaultdict(list)
    order = sorted(numbered, key=lambda n: (n[1].begin, -n[1].end, OUTERMOST[n[1].form], n[0]))
    for number, change in order:  # outer ones first
        first, last = around(change, number)
        before[change.begin].append(first)
        behind[change.end].insert(0, last)
    parts, place = [], 0
    for offset in sorted(before.keys() | behind.keys()):
        parts.append(data[place:offset])
        parts += [text.encode() for text in behind[offset] + before[offset]]
        place = offset
    return b"".join([*parts, data[place:]])


def write_tree(include, folder, changes, dropped):
    """All of `include` in `folder`, with the changes but those that are dropped."""
    of_header = collections.defaultdict(list)
    for number, change in enumerate(changes):
        if change.key not in dropped:
            of_header[change.header].append((number, change))
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"rewal_mutant.hpp": SUPPORT.format(count=len(changes) + 1).encode()}
    for path in sorted(include.rglob("*.hpp")):
        name = str(path.relative_to(include))
        texts[name] = written(path.read_bytes(), of_header[name.removeprefix("rewal/")])
    for name, text in texts.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != text:
            target.write_bytes(text)
