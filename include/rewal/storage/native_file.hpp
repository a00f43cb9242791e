// SPDX-License-Identifier: MIT
//
// Chooses the operating system's file calls: PosixFileSystem or WindowsFileSystem, as NativeFileSystem.
// Both have the same members; what they are and what each promises is said in posix_file.hpp.
// A test may put a file system of its own in this place, to watch the calls or to simulate a disk.

#ifndef REWAL_STORAGE_NATIVE_FILE_HPP
#define REWAL_STORAGE_NATIVE_FILE_HPP

#include <rewal/fwd.hpp>  // the alias itself
#include <rewal/platform.hpp>
#if REWAL_WINDOWS
#include <rewal/storage/windows_file.hpp>
#else
#include <rewal/storage/posix_file.hpp>
#endif

#endif  // REWAL_STORAGE_NATIVE_FILE_HPP
