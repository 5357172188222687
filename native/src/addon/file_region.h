// Reads one tensor out of a file: bounded chunks by pread, never a mapping (a file that shrinks
// under a mapping kills the process), every byte hostile.
#pragma once

#include <cstdint>
#include <string>

#include "addon/page_allocator.h"
#include "quant/convert.h"
#include "runtime/cancel.h"

namespace qat::addon {

struct FileRegion {
  std::string path;
  int64_t offset = 0;       // absolute, of the first element
  int64_t byte_length = 0;  // must be elements × bytes of the type
  FloatType type = FloatType::kF32;
};

// `cols` only serves to name the place of a bad element. Throws
//   E-FILE-MISSING, E-FILE-NOT-A-FILE, E-FILE-UNREADABLE,
//   E-SAFETENSORS-TRUNCATED  the region does not lie inside the file,
//   E-FILE-CHANGED           the file became shorter while it was read,
//   E-WEIGHT-NOT-FINITE      naming the first NaN or infinity,
//   E-CANCELLED, E-OUT-OF-MEMORY.
TensorValues read_file_region(const FileRegion& region, int64_t cols,
                                      const CancelToken* cancel);

}  // namespace qat::addon
