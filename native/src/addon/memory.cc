#include "addon/memory.h"

#include <cstdio>
#include <limits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "addon/errors.h"

namespace qat::addon {
namespace {

constexpr double kSmallBytes = 64.0 * 1024 * 1024;

int64_t physical_memory_bytes() {
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) return pages * page_bytes;
#endif
  return std::numeric_limits<int64_t>::max();
}

}  // namespace

int64_t available_memory_bytes() {
  if (std::FILE* file = std::fopen("/proc/meminfo", "r")) {
    char line[128];
    long long kibibytes = -1;
    while (std::fgets(line, sizeof(line), file)) {
      if (std::sscanf(line, "MemAvailable: %lld kB", &kibibytes) == 1) break;
    }
    std::fclose(file);
    if (kibibytes >= 0) return static_cast<int64_t>(kibibytes) * 1024;
  }
  return physical_memory_bytes();
}

void require_memory(double bytes, const std::string& what) {
  if (bytes > kSmallBytes && bytes > static_cast<double>(available_memory_bytes())) {
    fail_memory(what, bytes);
  }
}

}  // namespace qat::addon
