#include "addon/errors.h"

#include <new>
#include <stdexcept>

namespace qat::addon {

void fail_argument(const std::string& message) {
  throw Error("E-NATIVE-ARGUMENT", message,
              "This is a fault of the program, not of your data. Report it with the log.");
}

void fail_memory(const std::string& what, double bytes) {
  const auto mebibytes = static_cast<long long>(bytes / (1024.0 * 1024.0)) + 1;
  throw Error("E-OUT-OF-MEMORY",
              "Not enough memory for " + what + ": " + std::to_string(mebibytes) +
                  " MiB are needed.",
              "Close other layers, runs or programs, or work on a smaller model.");
}

ErrorInfo describe_current_exception() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what(), error.remedy()};
  } catch (const std::bad_alloc&) {
    return {"E-OUT-OF-MEMORY", "The native engine ran out of memory.",
            "Close other layers, runs or programs, or work on a smaller model."};
  } catch (const std::length_error&) {  // a std::vector asked for more than an address space
    return {"E-OUT-OF-MEMORY", "The native engine was asked for more memory than can exist.",
            "Work on a smaller model."};
  } catch (const std::exception& error) {
    return {"E-INTERNAL", std::string("The native engine failed: ") + error.what(),
            "Try again. If it happens again, report it with the log."};
  } catch (...) {
    return {"E-INTERNAL", "The native engine failed for an unknown reason.",
            "Try again. If it happens again, report it with the log."};
  }
}

Napi::Error make_js_error(Napi::Env env, const ErrorInfo& info) {
  Napi::Error error = Napi::Error::New(env, info.message);
  error.Value().Set("code", Napi::String::New(env, info.code));
  error.Value().Set("remedy", Napi::String::New(env, info.remedy));
  return error;
}

}  // namespace qat::addon
