#include "quant/user_quantizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "qat/error.h"
#include "runtime/shared_library.h"

namespace qat {
namespace {

constexpr size_t kMostNameBytes = 32;
constexpr size_t kMostDescriptionBytes = 500;

[[noreturn]] void refuse(const std::string& what) {
  throw Error("E-QUANTIZER-LIBRARY", what,
              "Correct the library after qat_quantizer.h and build it again.");
}

// A text of 1 to `most` bytes; a library's strings need not end.
std::string bounded_text(const char* text, size_t most, const char* what) {
  const size_t length = text ? strnlen(text, most + 1) : 0;
  if (length == 0 || length > most) {
    refuse(std::string("The quantizer library's ") + what + " is missing or longer than " +
           std::to_string(most) + " bytes.");
  }
  return {text, length};
}

std::string checked_name(const char* text, const char* what) {
  std::string name = bounded_text(text, kMostNameBytes, what);
  bool legal = name[0] >= 'a' && name[0] <= 'z';
  for (const char c : name) {
    legal = legal && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
  }
  if (!legal) refuse(std::string("The quantizer library's ") + what + " is not of a-z, 0-9 and -.");
  return name;
}

std::string checked_version(const char* text) {
  std::string version = bounded_text(text, kMostNameBytes, "version");
  for (const char c : version) {
    if (c < 0x20 || c > 0x7e) refuse("The quantizer library's version is not printable ASCII.");
  }
  return version;
}

UserQuantizer::Parameter checked_parameter(const QatQuantizerParameter& given) {
  if (!std::isfinite(given.least)) refuse("A parameter of the quantizer library has no least value.");
  return {checked_name(given.name, "parameter name"), given.least, given.is_learned != 0};
}

const QatQuantizer& checked_table(const QatQuantizer* table) {
  if (!table) refuse("The library has no quantizer for version 1 of the interface.");
  if (table->abi != QAT_QUANTIZER_ABI || table->size != sizeof(QatQuantizer)) {
    refuse("The library speaks version " + std::to_string(table->abi) + " of the interface in " +
           std::to_string(table->size) + " bytes, not version 1 in " +
           std::to_string(sizeof(QatQuantizer)) + ".");
  }
  if (!table->prepare || !table->quantize || !table->dequantize || !table->gradient) {
    refuse("The quantizer library lacks one of prepare, quantize, dequantize and gradient.");
  }
  if (!table->parameters || table->parameter_count < 1 ||
      table->parameter_count > QAT_QUANTIZER_MAX_PARAMETERS) {
    refuse("The quantizer library declares " + std::to_string(table->parameter_count) +
           " parameters, not 1 to 8.");
  }
  if ((table->bits & ~0x1feu) != 0 || table->bits == 0) {
    refuse("The quantizer library exists at no bits from 1 to 8, or at others.");
  }
  return *table;
}

}  // namespace

UserQuantizer::UserQuantizer(const QatQuantizer* table)
    : table_(table),
      calls_(checked_table(table)),
      name_(checked_name(calls_.name, "name")),
      version_(checked_version(calls_.version)),
      description_(bounded_text(calls_.description, kMostDescriptionBytes, "description")),
      bits_(calls_.bits) {
  id_ = "user:" + name_;
  for (uint32_t i = 0; i < calls_.parameter_count; ++i) {
    parameters_.push_back(checked_parameter(calls_.parameters[i]));
  }
}

std::vector<int> UserQuantizer::bit_widths() const {
  std::vector<int> widths;
  for (int bits = 1; bits <= 8; ++bits) {
    if (exists_at(bits)) widths.push_back(bits);
  }
  return widths;
}

void UserQuantizer::fault(const std::string& what) const {
  throw Error("E-QUANTIZER-LIBRARY",
              "The quantizer library \"" + name_ + "\" " + version_ + " " + what + ".",
              "Correct the library, or choose another quantizer for this layer.");
}

void UserQuantizer::require_done(const char* call, int error) const {
  if (error == 0) return;
  const char* text = calls_.error_text ? calls_.error_text(error) : nullptr;
  fault(std::string("failed in ") + call + " with error " + std::to_string(error) +
        (text ? ": " + std::string(text, strnlen(text, kMostDescriptionBytes)) : ""));
}

void UserQuantizer::prepare(const float* values, int64_t count, int bits,
                            float* parameters) const {
  for (size_t i = 0; i < parameters_.size(); ++i) parameters[i] = std::nanf("");
  require_done("prepare", calls_.prepare(values, static_cast<size_t>(count), bits, parameters));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const bool legal = std::isfinite(parameters[i]) && parameters[i] >= parameters_[i].least;
    if (legal && (i > 0 || parameters[i] > 0)) continue;
    fault("prepared its parameter " + parameters_[i].name + " as " +
          std::to_string(parameters[i]) + (i == 0 ? "; a scale is positive and" : "; it is") +
          " at least " + std::to_string(parameters_[i].least));
  }
}

void UserQuantizer::quantize(const float* values, int64_t count, int bits, const float* parameters,
                             uint8_t* codes) const {
  std::memset(codes, 0xff, static_cast<size_t>(count));
  require_done("quantize",
               calls_.quantize(values, static_cast<size_t>(count), bits, parameters, codes));
  if (bits == 8) return;
  for (int64_t i = 0; i < count; ++i) {
    if (codes[i] >> bits == 0) continue;
    fault("gave " + std::to_string(values[i]) + " the code " + std::to_string(codes[i]) + " at " +
          std::to_string(bits) + " bits");
  }
}

void UserQuantizer::dequantize(int bits, const float* parameters, float* levels) const {
  const int count = 1 << bits;
  for (int code = 0; code < count; ++code) levels[code] = std::nanf("");
  require_done("dequantize", calls_.dequantize(bits, parameters, levels));
  for (int code = 0; code < count; ++code) {
    if (std::isfinite(levels[code])) continue;
    fault("gave code " + std::to_string(code) + " of " + std::to_string(bits) +
          " bits the level " + std::to_string(levels[code]));
  }
}

void UserQuantizer::gradient(const float* values, int64_t count, int bits, const float* parameters,
                             const float* dquantized, float* dvalues, double* dparameters) const {
  std::fill_n(dvalues, count, std::nanf(""));
  for (size_t i = 0; i < parameters_.size(); ++i) dparameters[i] = std::nan("");
  require_done("gradient", calls_.gradient(values, static_cast<size_t>(count), bits, parameters,
                                           dquantized, dvalues, dparameters));
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(dvalues[i]) && std::isfinite(dquantized[i])) {
      fault("gave a finite gradient back as " + std::to_string(dvalues[i]));
    }
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].is_learned) dparameters[i] = 0;
    if (!std::isfinite(dparameters[i])) {
      fault("gave its parameter " + parameters_[i].name + " the gradient " +
            std::to_string(dparameters[i]));
    }
  }
}

namespace {

// One for the process: what is loaded stays loaded.
struct Loaded {
  std::mutex mutex;
  std::vector<std::unique_ptr<UserQuantizer>> quantizers;
};

Loaded& loaded() {
  static Loaded* all = new Loaded;  // outlives every thread that may still ask
  return *all;
}

const UserQuantizer* find_in(const Loaded& all, const std::string& id) {
  for (const auto& quantizer : all.quantizers) {
    if (quantizer->id() == id) return quantizer.get();
  }
  return nullptr;
}

}  // namespace

const UserQuantizer& load_user_quantizer(const std::string& path) {
  Loaded& all = loaded();
  const std::lock_guard<std::mutex> lock(all.mutex);
  const auto entry = reinterpret_cast<QatQuantizerEntry>(library_symbol(path, "qat_quantizer"));
  auto made = std::make_unique<UserQuantizer>(entry(QAT_QUANTIZER_ABI));
  if (const UserQuantizer* known = find_in(all, made->id())) {
    if (known->table() == made->table()) return *known;
    throw Error("E-QUANTIZER-LIBRARY",
                "Another quantizer library \"" + known->name() + "\" " + known->version() +
                    " is loaded already.",
                "Restart the application to load the new one, or give it another name.");
  }
  all.quantizers.push_back(std::move(made));
  return *all.quantizers.back();
}

const UserQuantizer* find_user_quantizer(const std::string& id) {
  Loaded& all = loaded();
  const std::lock_guard<std::mutex> lock(all.mutex);
  return find_in(all, id);
}

}  // namespace qat
