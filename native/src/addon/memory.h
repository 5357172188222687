// Refuses allocations this machine cannot serve before they are made: with overcommit a too large
// one would succeed and the process be killed later, the user's work with it.
#pragma once

#include <cstdint>
#include <string>

namespace qat::addon {

// Bytes that can be allocated now without swapping (Linux: MemAvailable; elsewhere: physical
// memory).
int64_t available_memory_bytes();

// Throws E-OUT-OF-MEMORY when `bytes` is more than that. Small amounts are never looked up.
void require_memory(double bytes, const std::string& what);

}  // namespace qat::addon
