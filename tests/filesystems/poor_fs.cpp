// SPDX-License-Identifier: MIT
//
// A FUSE file system that passes everything on to another directory, and lacks what some network file systems lack:
//
//   poor_fs MOUNTPOINT BACKING [flock] [fallocate] [fsyncdir] [link] [renameat2]

#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>

namespace {

std::string backing;
std::set<std::string> lacks;

std::string at(const char* path) { return backing + path; }
int told(::ssize_t result) { return result < 0 ? -errno : static_cast<int>(result); }
int descriptor(const ::fuse_file_info* info) { return static_cast<int>(info->fh); }

int get_status(const char* path, struct ::stat* status, ::fuse_file_info*) {
  return told(::lstat(at(path).c_str(), status));
}
int open_file(const char* path, ::fuse_file_info* info) {
  const int fd = ::open(at(path).c_str(), info->flags & ~O_CREAT);
  info->fh = static_cast<std::uint64_t>(fd);
  return fd < 0 ? -errno : 0;
}
int create_file(const char* path, ::mode_t mode, ::fuse_file_info* info) {
  const int fd = ::open(at(path).c_str(), info->flags, mode);
  info->fh = static_cast<std::uint64_t>(fd);
  return fd < 0 ? -errno : 0;
}
int read_file(const char*, char* into, std::size_t size, ::off_t offset, ::fuse_file_info* info) {
  return told(::pread(descriptor(info), into, size, offset));
}
int write_file(const char*, const char* bytes, std::size_t size, ::off_t offset, ::fuse_file_info* info) {
  return told(::pwrite(descriptor(info), bytes, size, offset));
}
int release_file(const char*, ::fuse_file_info* info) { return told(::close(descriptor(info))); }
int truncate_file(const char* path, ::off_t size, ::fuse_file_info*) {
  return told(::truncate(at(path).c_str(), size));
}
int sync_file(const char*, int, ::fuse_file_info* info) { return told(::fsync(descriptor(info))); }
int sync_directory(const char* path, int, ::fuse_file_info*) {
  if (lacks.count("fsyncdir") != 0) return -EINVAL;
  const int fd = ::open(at(path).c_str(), O_RDONLY | O_DIRECTORY);
  const int result = fd < 0 ? -errno : told(::fsync(fd));
  ::close(fd);
  return result;
}
int remove_file(const char* path) { return told(::unlink(at(path).c_str())); }
int make_directory(const char* path, ::mode_t mode) { return told(::mkdir(at(path).c_str(), mode)); }
int remove_directory(const char* path) { return told(::rmdir(at(path).c_str())); }
int rename_file(const char* from, const char* to, unsigned flags) {
  if (flags != 0 && lacks.count("renameat2") != 0) return -EINVAL;
  return told(::renameat2(AT_FDCWD, at(from).c_str(), AT_FDCWD, at(to).c_str(), flags));
}
int link_file(const char* from, const char* to) {
  return lacks.count("link") != 0 ? -EPERM : told(::link(at(from).c_str(), at(to).c_str()));
}
int change_mode(const char* path, ::mode_t mode, ::fuse_file_info*) { return told(::chmod(at(path).c_str(), mode)); }
int space(const char* path, struct ::statvfs* room) { return told(::statvfs(at(path).c_str(), room)); }
int list(const char* path, void* buffer, ::fuse_fill_dir_t fill, ::off_t, ::fuse_file_info*, ::fuse_readdir_flags) {
  ::DIR* const directory = ::opendir(at(path).c_str());
  if (directory == nullptr) return -errno;
  while (const ::dirent* entry = ::readdir(directory)) fill(buffer, entry->d_name, nullptr, 0, {});
  ::closedir(directory);
  return 0;
}
int lock_file(const char*, ::fuse_file_info*, int) { return -ENOLCK; }
int reserve(const char*, int mode, ::off_t offset, ::off_t length, ::fuse_file_info* info) {
  return lacks.count("fallocate") != 0 ? -EOPNOTSUPP : told(::fallocate(descriptor(info), mode, offset, length));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  backing = arguments[2];
  for (int i = 3; i < count; ++i) lacks.insert(arguments[i]);
  ::fuse_operations calls{};
  calls.getattr = get_status;
  calls.open = open_file;
  calls.create = create_file;
  calls.read = read_file;
  calls.write = write_file;
  calls.release = release_file;
  calls.truncate = truncate_file;
  calls.fsync = sync_file;
  calls.fsyncdir = sync_directory;
  calls.unlink = remove_file;
  calls.mkdir = make_directory;
  calls.rmdir = remove_directory;
  calls.rename = rename_file;
  calls.link = link_file;
  calls.chmod = change_mode;
  calls.statfs = space;
  calls.readdir = list;
  if (lacks.count("flock") != 0) calls.flock = lock_file;
  calls.fallocate = reserve;
  std::string name = "poor_fs", foreground = "-f";
  char* own[] = {name.data(), foreground.data(), arguments[1], nullptr};
  return ::fuse_main(3, own, &calls, nullptr);
}
