// Samples and labels held natively.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace qat {

struct DatasetShape {
  int64_t count = 0;
  int64_t features = 0;
  int64_t classes = 0;  // 1 … 256; every label is below
};

class Dataset {
 public:
  // images [count·features] bytes, normalised on the fly: (byte/255 − mean)/std. Throws
  // E-DATASET-MISMATCH for wrong counts or labels, E-NATIVE-ARGUMENT for a bad normalisation.
  static std::shared_ptr<Dataset> from_bytes(const uint8_t* images, size_t image_bytes,
                                             const uint8_t* labels, size_t label_count,
                                             const DatasetShape& shape, double mean, double std);
  // values [count·features] floats as they are; NaN or infinity is refused.
  static std::shared_ptr<Dataset> from_floats(const float* values, size_t value_count,
                                              const uint8_t* labels, size_t label_count,
                                              const DatasetShape& shape);

  int64_t count() const { return shape_.count; }
  int64_t features() const { return shape_.features; }
  int64_t classes() const { return shape_.classes; }
  int64_t native_bytes() const;
  // Hash of shape, values, labels and normalisation: a checkpoint belongs to its data.
  uint64_t content_hash() const { return hash_; }

  // x [n, features] and labels [n] of the samples order[first … first+n), or first … first+n when order is
  // null. Indices must be in bounds.
  void gather(const uint32_t* order, int64_t first, int64_t n, float* x, uint8_t* labels) const;

 private:
  Dataset() = default;
  void finish(const uint8_t* labels, size_t label_count);

  DatasetShape shape_;
  std::vector<uint8_t> bytes_;   // either bytes …
  std::vector<float> floats_;    // … or floats
  std::vector<uint8_t> labels_;
  std::vector<float> table_;     // byte → normalised value
  uint64_t hash_ = 0;
};

}  // namespace qat
