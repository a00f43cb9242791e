# SPDX-License-Identifier: MIT
#
# The events of a log that was closed, read by the format's table alone: what is tested must not describe itself.

import struct


def events_of(path):
    """A list of (lsn, payload, meta), meta b'' where there is none."""
    with open(path, "rb") as file:
        image = file.read()
    events = []
    at = 0
    while at < len(image):
        magic, version, flags, count, lsn, size = struct.unpack_from("<4sHHIQI", image, at)
        if magic != b"EWAL" or version != 2 or flags & 1:
            raise ValueError(f"no plain frame at {at}")
        record = at + 24
        for _ in range(count):
            payload_bytes, meta_bytes = struct.unpack_from("<IH", image, record)
            record += 6
            meta = image[record:record + meta_bytes]
            record += meta_bytes
            events.append((lsn, image[record:record + payload_bytes], meta))
            record += payload_bytes
            lsn += 1
        if record + 4 != at + size:
            raise ValueError(f"the frame at {at} is not as long as it says")
        at += size
    return events
