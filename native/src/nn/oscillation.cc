#include "nn/oscillation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr int64_t kChunk = 16384;  // elements per partial result

enum Direction : uint8_t { kNone = 0, kUp = 1, kDown = 2 };

float scale_at(const QuantParams& p, int64_t row, int64_t col) {
  return p.scale[row * p.row_stride + col / p.group_cols];
}

int32_t zero_point_at(const QuantParams& p, int64_t row, int64_t col) {
  return p.zero_point ? p.zero_point[row * p.row_stride + col / p.group_cols] : 0;
}

void require(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", what, "Correct the training settings.");
}

bool is_share(double value) { return value > 0 && value <= 1; }

}  // namespace

double dampening_loss(const float* w, const float* quantized, int64_t rows, int64_t cols,
                      const QuantParams& p, double strength, float* dw) {
  const int64_t rows_per_chunk = std::max<int64_t>(1, kChunk / cols);
  std::vector<double> partials(static_cast<size_t>(chunk_count(rows, rows_per_chunk)));
  parallel_chunks(rows, rows_per_chunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    double sum = 0;
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const double scale = scale_at(p, r, c);
        const int32_t zero_point = zero_point_at(p, r, c);
        const double low = scale * (p.qmin - zero_point), high = scale * (p.qmax - zero_point);
        const int64_t i = r * cols + c;
        const double error = std::clamp<double>(w[i], low, high) - quantized[i];
        sum += error * error;
        if (dw && w[i] > low && w[i] < high) dw[i] += static_cast<float>(2 * strength * error);
      }
    }
    partials[static_cast<size_t>(chunk)] = sum;
  });
  return strength * std::accumulate(partials.begin(), partials.end(), 0.0);
}

void validate(const OscillationOptions& options) {
  require(is_share(options.momentum), "Oscillation: the momentum must be above 0 and at most 1.");
  require(is_share(options.threshold), "Oscillation: the threshold must be above 0 and at most 1.");
}

OscillationTracker::OscillationTracker(int64_t size, const OscillationOptions& options)
    : options_(options) {
  validate(options);
  constexpr double kNothing = 1e-9;
  for (double left = 1; left > kNothing; left *= 1 - options.momentum) {
    decays_.push_back(static_cast<float>(left));
  }
  const auto n = static_cast<size_t>(size);
  state_.codes.assign(n, 0);
  state_.directions.assign(n, kNone);
  state_.frozen.assign(n, 0);
  state_.changed_at.assign(n, 0);
  state_.frequencies.assign(n, 0.0f);
  state_.mean_codes.assign(n, 0.0f);
}

void OscillationTracker::set_threshold(double threshold) {
  OscillationOptions options = options_;
  options.threshold = threshold;
  validate(options);
  options_ = options;
}

// The code of a weight that is not frozen has become another one.
void OscillationTracker::change(size_t i, uint8_t code, OscillationCounts* counts) {
  State& s = state_;
  const auto momentum = static_cast<float>(options_.momentum);
  const uint32_t now = s.updates, passed = now - s.changed_at[i];
  const auto before = static_cast<float>(s.codes[i]);
  const uint8_t direction = code > s.codes[i] ? kUp : kDown;
  const bool oscillated = s.directions[i] != kNone && s.directions[i] != direction;
  const float rested = before + decay(passed - 1) * (s.mean_codes[i] - before);
  s.mean_codes[i] = rested + momentum * (static_cast<float>(code) - rested);
  s.frequencies[i] = decay(passed) * s.frequencies[i] + (oscillated ? momentum : 0.0f);
  s.changed_at[i] = now;
  s.directions[i] = direction;
  s.codes[i] = code;
  ++counts->changed;
  if (!options_.freeze || !oscillated) return;
  if (s.frequencies[i] <= static_cast<float>(options_.threshold)) return;
  s.frozen[i] = 1;
  s.codes[i] = static_cast<uint8_t>(std::nearbyint(s.mean_codes[i]));
  ++counts->frozen;
}

OscillationCounts OscillationTracker::update(const uint8_t* codes) {
  State& s = state_;
  const auto size = static_cast<int64_t>(s.codes.size());
  if (s.updates == 0) {
    std::copy_n(codes, size, s.codes.begin());
    std::copy_n(codes, size, s.mean_codes.begin());
    s.updates = 1;
    return {};
  }
  constexpr int64_t kWord = 8;  // codes compared at once: most rest
  std::vector<OscillationCounts> partials(static_cast<size_t>(chunk_count(size, kChunk)));
  parallel_chunks(size, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    OscillationCounts counts;
    for (int64_t word = begin; word < end; word += kWord) {
      const int64_t last = std::min(end, word + kWord);
      const auto bytes = static_cast<size_t>(last - word);
      if (std::memcmp(codes + word, s.codes.data() + word, bytes) == 0) continue;
      for (int64_t i = word; i < last; ++i) {
        const auto at = static_cast<size_t>(i);
        if (codes[i] != s.codes[at] && !s.frozen[at]) change(at, codes[i], &counts);
      }
    }
    partials[static_cast<size_t>(chunk)] = counts;
  });
  ++s.updates;
  OscillationCounts total;
  for (const OscillationCounts& counts : partials) {
    total.changed += counts.changed;
    frozen_ += counts.frozen;
  }
  total.frozen = frozen_;
  return total;
}

double OscillationTracker::frequency(size_t i) const {
  if (state_.updates == 0) return 0;
  return decay(state_.updates - 1 - state_.changed_at[i]) * state_.frequencies[i];
}

int64_t OscillationTracker::oscillating() const {
  const auto size = static_cast<int64_t>(state_.codes.size());
  const auto threshold = static_cast<float>(options_.threshold);
  std::vector<int64_t> partials(static_cast<size_t>(chunk_count(size, kChunk)));
  parallel_chunks(size, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    int64_t count = 0;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      // It only falls: what was below when it changed is below now.
      if (state_.frequencies[i] > threshold && frequency(i) > threshold) ++count;
    }
    partials[static_cast<size_t>(chunk)] = count;
  });
  return std::accumulate(partials.begin(), partials.end(), int64_t{0});
}

void OscillationTracker::hold_frozen(float* weight, int64_t rows, int64_t cols,
                                     const QuantParams& p, bool binary) const {
  parallel_for(rows, std::max<int64_t>(1, kChunk / cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const auto i = static_cast<size_t>(r * cols + c);
        if (!state_.frozen[i]) continue;
        const int32_t code = state_.codes[i];
        const int32_t level = binary ? 2 * code - 1 : code + p.qmin - zero_point_at(p, r, c);
        weight[i] = static_cast<float>(level) * scale_at(p, r, c);
      }
    }
  });
}

void OscillationTracker::set_state(State state) {
  const size_t n = state_.codes.size();
  bool good = state.codes.size() == n && state.directions.size() == n &&
              state.frozen.size() == n && state.changed_at.size() == n &&
              state.frequencies.size() == n && state.mean_codes.size() == n;
  int64_t frozen = 0;
  for (size_t i = 0; good && i < n; ++i) {
    good = state.directions[i] <= kDown && state.frozen[i] <= 1 &&
           state.changed_at[i] <= (state.updates ? state.updates - 1 : 0) &&
           state.frequencies[i] >= 0 && state.frequencies[i] <= 1 && state.mean_codes[i] >= 0 &&
           state.mean_codes[i] <= 255;
    frozen += state.frozen[i];
  }
  require(good, "This is no state of the oscillations of such a weight.");
  state_ = std::move(state);
  frozen_ = frozen;
}

}  // namespace qat
