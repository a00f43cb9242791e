// SPDX-License-Identifier: MIT
//
// The commands as functions: data to `out`, messages to `err`, the exit code returned. Used by one thread.
// What each does is said by the help of command_line.cpp and by the manual page; tests and the fuzzer call them here.

#ifndef WALCTL_COMMANDS_HPP
#define WALCTL_COMMANDS_HPP

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <rewal/lsn.hpp>

#include <walctl/output.hpp>

namespace walctl {

struct InfoOptions {
  Common common;
  std::vector<std::string> logs;
};
int info(std::ostream& out, std::ostream& err, const InfoOptions& options);

struct VerifyOptions {
  Common common;
  std::vector<std::string> logs;
  unsigned threads = 0;  ///< 0: as many as the process may use
};
int verify(std::ostream& out, std::ostream& err, const VerifyOptions& options);

struct DumpOptions {
  Common common;
  std::string log;
  rewal::Lsn from = 0;
  rewal::Lsn to = UINT64_MAX;
  std::optional<std::uint64_t> count;  ///< the first so many
  std::optional<std::uint64_t> last;   ///< the last so many
  std::string format = "text";         ///< text, hex, json, raw
  bool nul = false;                    ///< with raw: a NUL after each payload
  bool frames = false;                 ///< headers instead of events
  bool strict = false;                 ///< stop at the first bad place
  std::string decoder;                 ///< a command of the shell
};
int dump(std::ostream& out, std::ostream& err, const DumpOptions& options);

struct TailOptions {
  Common common;
  std::string log;
  std::uint64_t count = 10;
  bool follow = false;
  bool all = false;                 ///< also what no fsync mark covers yet
  std::optional<rewal::Lsn> after;  ///< everything behind this LSN
  std::string cursor_file;          ///< where the LSN is remembered
  std::string format = "text";
};
int tail(std::ostream& out, std::ostream& err, const TailOptions& options);

struct StatsOptions {
  Common common;
  std::string log;
  std::string format = "text";  ///< text, json, prometheus
  std::string svg;
};
int stats(std::ostream& out, std::ostream& err, const StatsOptions& options);

struct CopyOptions {
  Common common;
  std::string log;
  std::string destination;  ///< "-" is `out`
};
int copy(std::ostream& out, std::ostream& err, const CopyOptions& options);

struct RepairOptions {
  Common common;
  std::string log;
  bool apply = false;
  std::string salvage;
};
int repair(std::ostream& out, std::ostream& err, const RepairOptions& options);

struct ImportOptions {
  Common common;
  std::string log;
  std::string file = "-";  ///< "-" is `in`
  bool lines_are_json = false;
  bool raw0 = false;
  bool durable = false;
};
int import(std::istream& in, std::ostream& out, std::ostream& err, const ImportOptions& options);

struct DiffOptions {
  Common common;
  std::string a;
  std::string b;
};
int diff(std::ostream& out, std::ostream& err, const DiffOptions& options);

struct BenchOptions {
  Common common;
  std::string directory;
  unsigned seconds = 60;
};
int bench(std::ostream& out, std::ostream& err, const BenchOptions& options);

}  // namespace walctl

#endif  // WALCTL_COMMANDS_HPP
