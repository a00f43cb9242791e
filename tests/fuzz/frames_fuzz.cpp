// SPDX-License-Identifier: MIT
//
// Fuzzes the frame decoder with raw bytes: the check of one frame, the checksum, and the walk over all frames through
// buffers of any size. The first byte chooses the size of the buffer; the rest is the file.

#include <cstddef>
#include <cstdint>

#include <rewal/crc32c/crc32c.hpp>
#include <rewal/format/format.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/source.hpp>

#include "compare.hpp"
#include "recipe.hpp"

#ifdef REWAL_FUZZ_LIBFUZZER
#include "resealing.hpp"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return rewal_fuzz::mutate_log(data, size, most, seed, 1);
}
#endif

namespace {

using namespace rewal_fuzz;
using rewal::detail::Walk;
namespace format = rewal::detail::format;

Standing standing_of(format::Validity validity) {
  switch (validity) {
    case format::Validity::valid: return Standing::whole;
    case format::Validity::unknown: return Standing::unknown;
    case format::Validity::malformed: return Standing::malformed;
    case format::Validity::torn:
    case format::Validity::bad_crc: break;
  }
  return Standing::torn;
}

template <class Disk>
void compare_walk(const SecondJudge& judge, std::size_t chunk_bytes) {
  Disk disk(image_of(judge.file()));
  rewal::detail::FrameCursor<Disk> cursor(rewal::detail::Source<Disk>(disk, nullptr, judge.file().size(), chunk_bytes),
                                          0);
  for (const JudgedFrame& frame : judge.judgement().frames) {
    claim(cursor.next() == Walk::frame, "the cursor steps to every frame");
    claim_equal<std::uint64_t>(cursor.offset(), frame.at, "offset of a frame");
    const format::Header header = cursor.header();
    claim(header.count == frame.header.count && header.first_lsn == frame.header.first &&
              header.size == frame.header.size && header.flags == frame.header.flags,
          "a frame's fields are what stands there");
    claim(same(cursor.region(), judge.region_of(frame)), "a frame's records are what stands there");
  }
  for (int again = 0; again < 2; ++again) {
    const Walk walk = cursor.next();
    claim_equal<std::uint64_t>(cursor.offset(), judge.judgement().end, "offset of the end");
    if (judge.judgement().end == judge.file().size()) {
      claim(walk == Walk::end, "the walk ends with the last frame");
    } else {
      claim(walk == Walk::bad, "bad bytes are seen");
      claim(standing_of(cursor.validity()) == judge.standing_at_end(), "bad bytes are told apart");
    }
  }
  claim(disk.state->changes.empty(), "reading changes nothing");
  claim(disk.state->largest_read <= judge.file().size() + chunk_bytes, "no read is larger than the file and a chunk");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Recipe recipe(data, size);
  const std::size_t chunk_bytes = recipe.byte() + std::size_t{1};
  const Image file = image_of(recipe.bytes(size));
  const SecondJudge judge(file);
  claim(rewal::detail::crc32c(0, file.data(), file.size()) == crc_of(file), "the checksum of the bytes");
  const SecondChecksums checksums(file);
  claim(standing_of(format::check_frame(file).validity) == standing_at(file, checksums, 0), "the check of one frame");
  compare_walk<MappedDisk>(judge, chunk_bytes);
  compare_walk<ReadDisk>(judge, chunk_bytes);
  return 0;
}
