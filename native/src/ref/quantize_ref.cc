#include <cmath>

#include "ref/ref_kernels.h"

namespace qat::ref {
namespace {

int64_t scale_index(const QuantParams& p, int64_t row, int64_t col) {
  return row * p.row_stride + (p.row_stride ? col / p.group_cols : 0);
}

// One scale's view of a row segment.
struct Segment {
  float scale, zero, low, high, offset;  // low, high: qmin, qmax
  bool ternary;
  float threshold, minus;  // minus: x̂ of the code -1
};

Segment segment_of(const QuantParams& p, int64_t row, int64_t col) {
  const int64_t index = scale_index(p, row, col);
  Segment s{};
  s.scale = p.scale[index];
  s.zero = p.zero_point ? static_cast<float>(p.zero_point[index]) : 0.0f;
  s.low = static_cast<float>(p.qmin);
  s.high = static_cast<float>(p.qmax);
  s.offset = p.offset;
  s.ternary = p.threshold != nullptr;
  s.threshold = s.ternary ? p.threshold[index] : 0.0f;
  s.minus = -(p.negative_scale ? p.negative_scale[index] : s.scale);
  return s;
}

// x/s as the rounding sees it.
float ratio(float x, const Segment& s) { return x / s.scale - s.offset; }

// The rounded code before clipping. nearbyint rounds half to even in the default mode.
float raw_code(float x, const Segment& s) {
  if (s.ternary) return x > s.threshold ? 1.0f : x < -s.threshold ? -1.0f : 0.0f;
  return std::nearbyintf(ratio(x, s)) + s.zero;
}

float clip(float code, const Segment& s) {
  const float above = code > s.low ? code : s.low;  // a NaN becomes qmin
  return above < s.high ? above : s.high;
}

bool inside(float code, const Segment& s) { return code >= s.low && code <= s.high; }

float value_of(float code, const Segment& s) {
  if (s.ternary) return code > 0 ? s.scale : code < 0 ? s.minus : 0.0f;
  return (code - s.zero + s.offset) * s.scale;
}

// d x̂ / d scale.
float slope_of(float x, float code, const Segment& s) {
  const float clipped = clip(code, s);
  if (s.ternary) return clipped;
  return inside(code, s) ? clipped - s.zero - ratio(x, s) : clipped - s.zero + s.offset;
}

float sign_of(float x) { return x >= 0.0f ? 1.0f : -1.0f; }

}  // namespace

void fake_quant(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const Segment s = segment_of(p, r, c);
      y[r * cols + c] = value_of(clip(raw_code(x[r * cols + c], s), s), s);
    }
  }
}

void quantize(const float* x, uint8_t* codes, int64_t rows, int64_t cols, const QuantParams& p) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const Segment s = segment_of(p, r, c);
      const float code = clip(raw_code(x[r * cols + c], s), s);
      codes[r * cols + c] = static_cast<uint8_t>(static_cast<int32_t>(code) - p.qmin);
    }
  }
}

void fake_quant_backward(const float* x, const float* dy, float* dx, double* dscale_partial,
                         int64_t rows, int64_t cols, const QuantParams& p) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const int64_t i = r * cols + c;
      const Segment s = segment_of(p, r, c);
      const float code = raw_code(x[i], s);
      const float gradient = dy[i];
      dx[i] = inside(code, s) ? gradient : 0.0f;
      if (dscale_partial) {
        dscale_partial[scale_index(p, r, c)] +=
            static_cast<double>(gradient) * static_cast<double>(slope_of(x[i], code, s));
      }
    }
  }
}

void binarize(const float* x, float* y, int64_t rows, int64_t cols, const QuantParams& p) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      y[r * cols + c] = p.scale[scale_index(p, r, c)] * sign_of(x[r * cols + c]);
    }
  }
}

void quant_error(const float* x, int64_t rows, int64_t cols, const QuantParams& p, bool binary,
                 ErrorSums* sums, int64_t* code_counts) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const float value = x[r * cols + c];
      const Segment s = segment_of(p, r, c);
      float quantized;
      int32_t slot;
      if (binary) {
        quantized = s.scale * sign_of(value);
        slot = value >= 0.0f ? 1 : 0;
      } else {
        const float code = raw_code(value, s);
        const float clipped = clip(code, s);
        quantized = value_of(clipped, s);
        slot = static_cast<int32_t>(clipped) - p.qmin;
        sums->clipped += inside(code, s) ? 0 : 1;
      }
      const double xd = value, yd = quantized, error = xd - yd;
      sums->x2 += xd * xd;
      sums->y2 += yd * yd;
      sums->xy += xd * yd;
      sums->e2 += error * error;
      if (std::fabs(error) > sums->max_error) sums->max_error = std::fabs(error);
      if (code_counts) ++code_counts[slot];
    }
  }
}

}  // namespace qat::ref
