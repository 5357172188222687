// Shared libraries, opened by absolute path and never closed: code of theirs may be running, and what
// they registered with the C library would dangle.
#pragma once

#include <string>

namespace qat {

// The address of `symbol` in the library at `path`, which is loaded unless it is already. Throws
// Error("E-QUANTIZER-LIBRARY") where the file cannot be loaded or has no such symbol.
void* library_symbol(const std::string& path, const char* symbol);

}  // namespace qat
