// Memory of tensors: whole pages from the system, given back to it at once.
//
// Tensors live as long as their JavaScript handles, with small allocations of V8 and Node between
// them. On the heap, an aligned block freed there leaves a hole that the next aligned block of the
// same size does not fit into (glibc asks for more than it keeps), so memory grew with every tensor
// opened and disposed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "runtime/huge_pages.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define QAT_ADDON_HAS_MMAP 1
#endif

namespace qat::addon {

template <typename T>
struct PageAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};
  // Below this a page of its own wastes more than it saves.
  static constexpr size_t kPageBytes = size_t{64} << 10;

  PageAllocator() = default;
  template <typename U>
  PageAllocator(const PageAllocator<U>&) {}  // NOLINT: allocator conversion is implicit

  T* allocate(size_t n) {
    if (n > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    const size_t bytes = n * sizeof(T);
#ifdef QAT_ADDON_HAS_MMAP
    if (bytes >= kPageBytes) {
      void* pages =
          mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (pages == MAP_FAILED) throw std::bad_alloc();
      ask_for_huge_pages(pages, bytes);
      return static_cast<T*>(pages);
    }
#endif
    return static_cast<T*>(::operator new(bytes, kAlignment));
  }

  void deallocate(T* p, size_t n) {
#ifdef QAT_ADDON_HAS_MMAP
    if (n * sizeof(T) >= kPageBytes) {
      munmap(p, n * sizeof(T));
      return;
    }
#endif
    ::operator delete(p, kAlignment);
  }

  // Leaves elements uninitialised on resize(n): a tensor is always written before it is read.
  template <typename U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <typename U, typename... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(static_cast<Args&&>(args)...);
  }
  bool operator==(const PageAllocator&) const { return true; }
  bool operator!=(const PageAllocator&) const { return false; }
};

using TensorValues = std::vector<float, PageAllocator<float>>;

}  // namespace qat::addon
