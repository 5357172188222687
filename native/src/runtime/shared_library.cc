#include "runtime/shared_library.h"

#include "qat/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace qat {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error("E-QUANTIZER-LIBRARY", "\"" + path + "\" cannot be loaded: " + why + ".",
              "Use a shared library that was built for this system and exports qat_quantizer.");
}

#if defined(_WIN32)

std::wstring wide(const std::string& path) {
  const int bytes = static_cast<int>(path.size());
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, nullptr, 0);
  std::wstring result(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.data(), bytes, result.data(), length);
  return result;
}

#else

std::string last_problem() {
  const char* text = dlerror();
  return text ? text : "unknown problem";
}

#endif

}  // namespace

#if defined(_WIN32)

void* library_symbol(const std::string& path, const char* symbol) {
  const HMODULE library = LoadLibraryW(wide(path).c_str());
  if (!library) refuse(path, "error " + std::to_string(GetLastError()));
  void* address = reinterpret_cast<void*>(GetProcAddress(library, symbol));
  if (!address) refuse(path, std::string("it has no symbol ") + symbol);
  return address;
}

#else

void* library_symbol(const std::string& path, const char* symbol) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) refuse(path, last_problem());
  void* address = dlsym(library, symbol);
  if (!address) refuse(path, std::string("it has no symbol ") + symbol);
  return address;
}

#endif

}  // namespace qat
