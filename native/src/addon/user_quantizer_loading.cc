#include "addon/user_quantizer_loading.h"

#include <filesystem>
#include <string>

#include "addon/args.h"
#include "addon/errors.h"
#include "qat/error.h"
#include "quant/user_quantizer.h"

namespace qat::addon {
namespace {

constexpr size_t kMaxPathBytes = 32768;

// A loader's search path must not decide what is run.
std::string library_path(Napi::Value value) {
  const std::string given = text(value, "path", kMaxPathBytes);
  const auto path = std::filesystem::u8path(given);
  if (!path.is_absolute()) fail_argument("path must be absolute, not \"" + given + "\".");
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem)) {
    throw Error("E-QUANTIZER-LIBRARY", "\"" + given + "\" is not a regular file.",
                "Choose the file of a quantizer library.");
  }
  return given;
}

Napi::Array parameters_to_js(Napi::Env env, const UserQuantizer& user) {
  Napi::Array result = Napi::Array::New(env, user.parameters().size());
  for (size_t i = 0; i < user.parameters().size(); ++i) {
    const UserQuantizer::Parameter& parameter = user.parameters()[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", parameter.name);
    entry.Set("least", parameter.least);
    entry.Set("isLearned", parameter.is_learned);
    result.Set(static_cast<uint32_t>(i), entry);
  }
  return result;
}

}  // namespace

Napi::Value load_quantizer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const UserQuantizer& user = load_user_quantizer(library_path(info[0]));
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", user.id());
  result.Set("name", user.name());
  result.Set("version", user.version());
  result.Set("description", user.description());
  const std::vector<int> widths = user.bit_widths();
  Napi::Array bits = Napi::Array::New(env, widths.size());
  for (size_t i = 0; i < widths.size(); ++i) bits.Set(static_cast<uint32_t>(i), widths[i]);
  result.Set("bits", bits);
  result.Set("parameters", parameters_to_js(env, user));
  return result;
}

}  // namespace qat::addon
