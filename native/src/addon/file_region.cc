#include "addon/file_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <vector>

#include "addon/errors.h"
#include "addon/memory.h"
#include "qat/kernels.h"
#include "runtime/thread_pool.h"

namespace qat::addon {
namespace {

// Fits the cache; a multiple of every element size.
constexpr int64_t kChunkBytes = int64_t{1} << 18;

class OpenFile {
 public:
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  explicit OpenFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void fail_system(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    throw Error("E-FILE-MISSING", "There is no file " + path + ".",
                "It may have been moved or deleted. Open it again from where it is now.");
  }
  if (error == EISDIR) {
    throw Error("E-FILE-NOT-A-FILE", path + " is a folder, not a file.", "Open a file.");
  }
  throw Error("E-FILE-UNREADABLE", "Cannot read " + path + ": " + std::strerror(error) + ".",
              "Check the permissions of the file and the state of the disk.");
}

int64_t checked_size(const OpenFile& file, const std::string& path) {
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) fail_system(path, errno);
  if (S_ISDIR(status.st_mode)) fail_system(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    throw Error("E-FILE-NOT-A-FILE", path + " is not a regular file.", "Open a regular file.");
  }
  return status.st_size;
}

void read_exactly(const OpenFile& file, const FileRegion& region, int64_t offset, uint8_t* target,
                  int64_t size) {
  while (size > 0) {
    const ssize_t got = pread(file.descriptor(), target, static_cast<size_t>(size), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_system(region.path, errno);
    if (got == 0) {
      throw Error("E-FILE-CHANGED",
                  region.path + " became shorter while it was read: nothing at offset " +
                      std::to_string(offset) + ".",
                  "Close the program that writes to the file and open it again.");
    }
    offset += got;
    target += got;
    size -= got;
  }
}

// Files are little-endian: where the host is too, float32 needs no conversion.
bool host_is_little_endian() {
  const uint16_t one = 1;
  uint8_t first;
  std::memcpy(&first, &one, 1);
  return first == 1;
}

// New memory is faulted in page by page while it is read into, which costs more than the reading;
// large pages take 512 times fewer faults. Only a hint: a failure does not matter.
void prefer_large_pages(float* values, int64_t count) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kSmallPage = 4096, kLargePage = uintptr_t{1} << 21;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(values);
  const uintptr_t first = (begin + kSmallPage - 1) / kSmallPage * kSmallPage;
  const uintptr_t end = begin + static_cast<uintptr_t>(count) * sizeof(float);
  if (end < first + kLargePage) return;
  madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#else
  (void)values;
  (void)count;
#endif
}

// Reads bytes [begin, begin + size) of the region as floats; the index of the first that is not
// finite, or -1.
int64_t read_chunk(const OpenFile& file, const FileRegion& region, int64_t begin, int64_t size,
                   float* out) {
  const int64_t count = size / float_type_bytes(region.type);
  if (region.type == FloatType::kF32 && host_is_little_endian()) {
    read_exactly(file, region, region.offset + begin, reinterpret_cast<uint8_t*>(out), size);
    return kernels().first_not_finite(out, count);
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  read_exactly(file, region, region.offset + begin, bytes.data(), size);
  return convert_to_f32(region.type, bytes.data(), count, out);
}

[[noreturn]] void fail_not_finite(const FileRegion& region, int64_t index, int64_t cols,
                                  float value, int64_t element_bytes) {
  const char* name = std::isnan(value) ? "NaN" : (value > 0 ? "infinity" : "-infinity");
  throw Error("E-WEIGHT-NOT-FINITE",
              "Element " + std::to_string(index) + " (row " + std::to_string(index / cols) +
                  ", column " + std::to_string(index % cols) + ") is " + name + ", in " +
                  region.path + " at offset " +
                  std::to_string(region.offset + index * element_bytes) + ".",
              "Repair or re-export the weights: with NaN or infinity they cannot be quantized.");
}

}  // namespace

TensorValues read_file_region(const FileRegion& region, int64_t cols,
                                      const CancelToken* cancel) {
  const OpenFile file(region.path);
  if (file.descriptor() < 0) fail_system(region.path, errno);
  const int64_t file_bytes = checked_size(file, region.path);
  if (region.offset > file_bytes || region.byte_length > file_bytes - region.offset) {
    throw Error("E-SAFETENSORS-TRUNCATED",
                region.path + " ends at byte " + std::to_string(file_bytes) +
                    ", but the tensor needs " + std::to_string(region.byte_length) +
                    " bytes from offset " + std::to_string(region.offset) + ".",
                "The file is incomplete. Download or export it again.");
  }

  const int64_t element_bytes = float_type_bytes(region.type);
  const int64_t count = region.byte_length / element_bytes;
  require_memory(static_cast<double>(count) * sizeof(float), "the tensor");
  TensorValues values(static_cast<size_t>(count));
  prefer_large_pages(values.data(), count);
  std::vector<int64_t> bad(static_cast<size_t>(chunk_count(region.byte_length, kChunkBytes)), -1);
  parallel_chunks(region.byte_length, kChunkBytes, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    const int64_t first = begin / element_bytes;
    const int64_t at = read_chunk(file, region, begin, end - begin, values.data() + first);
    if (at >= 0) bad[static_cast<size_t>(chunk)] = first + at;
  });
  for (const int64_t index : bad) {
    if (index < 0) continue;
    fail_not_finite(region, index, cols, values[static_cast<size_t>(index)], element_bytes);
  }
  return values;
}

}  // namespace qat::addon
