#include "nn/dataset.h"

#include <cmath>
#include <cstring>
#include <string>

#include "qat/error.h"
#include "quant/statistics.h"
#include "runtime/hash.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

[[noreturn]] void mismatch(const std::string& what) {
  throw Error("E-DATASET-MISMATCH", "The data set does not fit together: " + what + ".",
              "Check that images and labels belong to each other and that the shape is right.");
}

// count·features, or a refusal when it is out of bounds.
size_t checked_values(const DatasetShape& shape) {
  if (shape.count < 1 || shape.features < 1) mismatch("it is empty");
  if (shape.classes < 1 || shape.classes > 256) {
    mismatch("it has " + std::to_string(shape.classes) + " classes, not 1 to 256");
  }
  if (shape.count > INT64_C(0xffffffff) || shape.features > (INT64_C(1) << 40) / shape.count) {
    mismatch("its shape " + std::to_string(shape.count) + " × " + std::to_string(shape.features) +
             " is too large");
  }
  return static_cast<size_t>(shape.count * shape.features);
}

void require_count(const char* what, size_t got, size_t expected) {
  if (got == expected) return;
  mismatch(std::string(what) + ": " + std::to_string(got) + " given, " + std::to_string(expected) +
           " expected");
}

}  // namespace

std::shared_ptr<Dataset> Dataset::from_bytes(const uint8_t* images, size_t image_bytes,
                                             const uint8_t* labels, size_t label_count,
                                             const DatasetShape& shape, double mean, double std) {
  require_count("image bytes", image_bytes, checked_values(shape));
  if (!std::isfinite(mean) || !(std > 0) || !std::isfinite(std)) {
    throw Error("E-NATIVE-ARGUMENT", "A normalisation needs a finite mean and a std above 0.",
                "Pass mean and std of the pixels divided by 255.");
  }
  std::shared_ptr<Dataset> data(new Dataset());
  data->shape_ = shape;
  data->bytes_.assign(images, images + image_bytes);
  data->table_.resize(256);
  for (int b = 0; b < 256; ++b) {
    data->table_[static_cast<size_t>(b)] = static_cast<float>((b / 255.0 - mean) / std);
  }
  data->finish(labels, label_count);
  return data;
}

std::shared_ptr<Dataset> Dataset::from_floats(const float* values, size_t value_count,
                                              const uint8_t* labels, size_t label_count,
                                              const DatasetShape& shape) {
  require_count("values", value_count, checked_values(shape));
  const int64_t bad = find_not_finite(values, static_cast<int64_t>(value_count));
  if (bad >= 0) {
    mismatch("value " + std::to_string(bad) + " (sample " + std::to_string(bad / shape.features) +
             ") is NaN or infinite");
  }
  std::shared_ptr<Dataset> data(new Dataset());
  data->shape_ = shape;
  data->floats_.assign(values, values + value_count);
  data->finish(labels, label_count);
  return data;
}

void Dataset::finish(const uint8_t* labels, size_t label_count) {
  require_count("labels", label_count, static_cast<size_t>(shape_.count));
  for (size_t i = 0; i < label_count; ++i) {
    if (labels[i] >= shape_.classes) {
      mismatch("label " + std::to_string(labels[i]) + " of sample " + std::to_string(i) +
               " is not below " + std::to_string(shape_.classes) + " classes");
    }
  }
  labels_.assign(labels, labels + label_count);
  hash_ = xxh64(&shape_, sizeof shape_);
  hash_ = xxh64(bytes_.data(), bytes_.size(), hash_);
  hash_ = xxh64(floats_.data(), floats_.size() * sizeof(float), hash_);
  hash_ = xxh64(labels_.data(), labels_.size(), hash_);
  hash_ = xxh64(table_.data(), table_.size() * sizeof(float), hash_);
}

int64_t Dataset::native_bytes() const {
  return static_cast<int64_t>(bytes_.size() + labels_.size() +
                              (floats_.size() + table_.size()) * sizeof(float));
}

void Dataset::gather(const uint32_t* order, int64_t first, int64_t n, float* x,
                     uint8_t* labels) const {
  const int64_t width = shape_.features;
  parallel_for(n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sample = order ? order[first + i] : first + i;
      float* out = x + i * width;
      if (floats_.empty()) {
        const uint8_t* in = bytes_.data() + sample * width;
        const float* table = table_.data();
        for (int64_t c = 0; c < width; ++c) out[c] = table[in[c]];
      } else {
        std::memcpy(out, floats_.data() + sample * width, static_cast<size_t>(width) * sizeof(float));
      }
      labels[i] = labels_[static_cast<size_t>(sample)];
    }
  });
}

}  // namespace qat
