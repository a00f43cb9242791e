#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the version, which is written in one header alone.
sed -n 's/^#define REWAL_VERSION "\(.*\)"/\1/p' "$(dirname "$0")/../include/rewal/version.hpp"
