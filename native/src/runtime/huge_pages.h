// Large blocks on huge pages where the system gives them: a weight that streams from memory otherwise waits for
// address translation as much as for its bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace qat {

constexpr size_t kHugePage = size_t{2} << 20;
// Smaller blocks would waste more of a huge page than they gain.
constexpr size_t kHugeBlock = 2 * kHugePage;

// Asks for huge pages inside a block of at least kHugeBlock; no harm where there are none. The block need not lie on
// a huge page's boundary: Chromium's allocator ends the process when asked for such an alignment.
inline void ask_for_huge_pages(void* block, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes < kHugeBlock) return;
  const auto begin = (reinterpret_cast<uintptr_t>(block) + kHugePage - 1) / kHugePage * kHugePage;
  const auto end = (reinterpret_cast<uintptr_t>(block) + bytes) / kHugePage * kHugePage;
  if (end > begin) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)block;
  (void)bytes;
#endif
}

}  // namespace qat
