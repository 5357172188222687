// A quantizer that the user supplied as a shared library (include/qat_quantizer.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qat_quantizer.h"

namespace qat {

// What a library declares, checked. Every call checks what comes back, so that a faulty library ends in
// Error("E-QUANTIZER-LIBRARY") that names it and what it did, not in wrong numbers. Calls are safe from
// several threads at once.
class UserQuantizer {
 public:
  struct Parameter {
    std::string name;
    float least = 0;
    bool is_learned = false;
  };

  // Throws Error("E-QUANTIZER-LIBRARY") unless the table is complete and of this version.
  explicit UserQuantizer(const QatQuantizer* table);

  const std::string& id() const { return id_; }  // "user:<name>"
  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::string& description() const { return description_; }
  bool exists_at(int bits) const { return bits >= 1 && bits <= 8 && (bits_ >> bits & 1); }
  std::vector<int> bit_widths() const;
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t parameter_count() const { return static_cast<int64_t>(parameters_.size()); }
  const QatQuantizer* table() const { return table_; }

  // As the interface says; `parameters` and `dparameters` [parameter_count].
  void prepare(const float* values, int64_t count, int bits, float* parameters) const;
  void quantize(const float* values, int64_t count, int bits, const float* parameters,
                uint8_t* codes) const;
  void dequantize(int bits, const float* parameters, float* levels) const;
  void gradient(const float* values, int64_t count, int bits, const float* parameters,
                const float* dquantized, float* dvalues, double* dparameters) const;

 private:
  [[noreturn]] void fault(const std::string& what) const;
  void require_done(const char* call, int error) const;

  const QatQuantizer* table_;
  QatQuantizer calls_;  // a copy: later writes to the table change nothing
  std::string id_, name_, version_, description_;
  uint32_t bits_ = 0;
  std::vector<Parameter> parameters_;
};

// Loads a library, or finds it loaded. Whoever calls this runs its code. Throws
// Error("E-QUANTIZER-LIBRARY"), also where another library of that name is loaded. Loaded ones stay
// until the process ends.
const UserQuantizer& load_user_quantizer(const std::string& path);
// Null: not loaded.
const UserQuantizer* find_user_quantizer(const std::string& id);

}  // namespace qat
