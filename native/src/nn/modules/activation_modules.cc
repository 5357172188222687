#include "nn/modules/activation_modules.h"

#include <algorithm>
#include <cstring>

#include "nn/gelu.h"
#include "nn/layer_limits.h"
#include "qat/kernels.h"
#include "runtime/rng.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {
constexpr int64_t kElementGrain = 8192;
}

void ReluModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  const float* in = x[0];
  parallel_for(rows * output().size(), kElementGrain, [&](int64_t begin, int64_t end) {
    kernels().relu(in + begin, y + begin, end - begin);
  });
}

void ReluModule::backward(const float* const*, const float* y, float* dy, int64_t rows,
                          float* const* dx) {
  float* out = dx[0];
  if (!out) return;
  parallel_for(rows * output().size(), kElementGrain, [&](int64_t begin, int64_t end) {
    kernels().relu_backward(y + begin, dy + begin, out + begin, end - begin);
  });
}

void GeluModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  gelu(x[0], y, rows * output().size());
}

void GeluModule::backward(const float* const* x, const float*, float* dy, int64_t rows,
                          float* const* dx) {
  if (dx[0]) gelu_backward(x[0], dy, dx[0], rows * output().size());
}

PreluModule::PreluModule(const SampleShape& input)
    : Module(input), channels_(input.extents[0]), inner_(input.size() / input.extents[0]) {
  slope_.assign(static_cast<size_t>(channels_), 0.25f);
  dslope_.assign(static_cast<size_t>(channels_), 0.0f);
}

std::vector<ModuleParameter> PreluModule::parameters() const {
  return {{"slope", 1, channels_}};
}

void PreluModule::set_value(size_t, const float* values, size_t count) {
  require_count("slope", count, slope_.size());
  require_finite_values("slope", values, count);
  slope_.assign(values, values + count);
}

void PreluModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  const float* in = x[0];
  parallel_for(rows * channels_, std::max<int64_t>(1, kElementGrain / inner_),
               [&](int64_t begin, int64_t end) {
                 for (int64_t line = begin; line < end; ++line) {
                   const float slope = slope_[static_cast<size_t>(line % channels_)];
                   for (int64_t i = line * inner_; i < (line + 1) * inner_; ++i) {
                     y[i] = in[i] >= 0 ? in[i] : slope * in[i];
                   }
                 }
               });
}

void PreluModule::backward(const float* const* x, const float*, float* dy, int64_t rows,
                           float* const* dx) {
  const float* in = x[0];
  float* out = dx[0];
  // Every channel is summed over the rows in order by one thread.
  parallel_for(channels_, 4, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const float slope = slope_[static_cast<size_t>(c)];
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t first = (r * channels_ + c) * inner_;
        for (int64_t i = first; i < first + inner_; ++i) {
          const bool plus = in[i] >= 0;
          if (!plus) sum += static_cast<double>(in[i]) * dy[i];
          if (out) out[i] = plus ? dy[i] : slope * dy[i];
        }
      }
      dslope_[static_cast<size_t>(c)] = static_cast<float>(sum);
    }
  });
}

DropoutModule::DropoutModule(const SampleShape& input, double rate, uint64_t node)
    : Module(input), rate_(rate), node_(node) {}

void DropoutModule::reserve(int64_t rows, bool for_backward) {
  const auto count = static_cast<size_t>(rows * output().size());
  if (for_backward && kept_.size() < count) kept_.resize(count);
}

void DropoutModule::begin_step(const TrainingPosition& position) {
  uint64_t state = position.seed ^ (node_ << 48);
  stream_ = splitmix64(state) + static_cast<uint64_t>(position.step) * 0x9e3779b97f4a7c15ULL;
}

void DropoutModule::forward(const float* const* x, int64_t rows, float* y, Pass pass) {
  const float* in = x[0];
  const int64_t count = rows * output().size();
  if (pass != Pass::kTraining) {
    std::memcpy(y, in, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  reserve(rows, true);
  const auto scale = static_cast<float>(1 / (1 - rate_));
  // A stream per chunk: fixed chunks, so threads change nothing.
  parallel_chunks(count, kElementGrain, [&](int64_t chunk, int64_t begin, int64_t end) {
    Rng rng(stream_ + static_cast<uint64_t>(chunk) * 0xbf58476d1ce4e5b9ULL);
    for (int64_t i = begin; i < end; ++i) {
      const bool kept = rng.uniform() >= rate_;
      kept_[static_cast<size_t>(i)] = kept;
      y[i] = kept ? in[i] * scale : 0.0f;
    }
  });
}

void DropoutModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                             float* const* dx) {
  float* out = dx[0];
  if (!out) return;
  const auto scale = static_cast<float>(1 / (1 - rate_));
  parallel_for(rows * output().size(), kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = kept_[static_cast<size_t>(i)] ? dy[i] * scale : 0.0f;
    }
  });
}

void AddModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  const float *a = x[0], *b = x[1];
  parallel_for(rows * output().size(), kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  });
}

void AddModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                         float* const* dx) {
  for (int input = 0; input < 2; ++input) {
    if (!dx[input]) continue;
    std::memcpy(dx[input], dy, static_cast<size_t>(rows * output().size()) * sizeof(float));
  }
}

void FlattenModule::forward(const float* const* x, int64_t rows, float* y, Pass) {
  std::memcpy(y, x[0], static_cast<size_t>(rows * output().size()) * sizeof(float));
}

void FlattenModule::backward(const float* const*, const float*, float* dy, int64_t rows,
                             float* const* dx) {
  if (dx[0]) std::memcpy(dx[0], dy, static_cast<size_t>(rows * output().size()) * sizeof(float));
}

}  // namespace qat
