#include <algorithm>
#include <array>
#include <cmath>

#include "quant/ranges/estimators.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Where the rising function is 0, in (low, high).
template <typename Fn>
double root_of(double low, double high, Fn&& fn) {
  for (int round = 0; round < 100; ++round) {
    const double middle = (low + high) / 2;
    (fn(middle) < 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

// A grid has at most 256 levels, and one of values of one sign counts twice.
constexpr int kMostCells = 512;

using Clips = std::array<double, kMostCells + 1>;

Clips clips_of(double (*clip)(double)) {
  Clips clips{};
  for (int cells = 2; cells <= kMostCells; ++cells) {
    clips[static_cast<size_t>(cells)] = clip(static_cast<double>(cells));
  }
  return clips;
}

// The clip for a distribution with this standard deviation and mean magnitude about its centre. Of
// the two with these parameters the likelier one: the entropy of the Gaussian is ½·ln(2πe·σ²), that
// of the Laplace distribution ln(2e·b), and the smaller one fits better.
double clip_of(double deviation, double magnitude, int cells) {
  static const Clips gaussian = clips_of(gaussian_clip), laplace = clips_of(laplace_clip);
  const bool is_laplace = magnitude < deviation * std::sqrt(kPi / (2 * std::exp(1.0)));
  const auto at = static_cast<size_t>(cells);
  return is_laplace ? magnitude * laplace[at] : deviation * gaussian[at];
}

double mean_distance(const Segment& segment, double centre) {
  constexpr int64_t kChunk = int64_t{1} << 16;
  const float* x = segment.x();
  const int64_t n = segment.size();
  std::vector<double> parts(static_cast<size_t>(chunk_count(n, kChunk)), 0.0);
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    throw_if_cancelled(segment.cancel());
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += std::fabs(x[i] - centre);
    parts[static_cast<size_t>(chunk)] = sum;
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total / static_cast<double>(n);
}

double mean_square(const SegmentStats& s) { return s.deviation * s.deviation + s.mean * s.mean; }

// Elements of one sign, as behind a ReLU: one half of a distribution about 0, without the zeros.
SegmentScale one_sided_scale(const Segment& segment, const QuantizerConfig& config,
                             int levels) {
  const SegmentStats& s = segment.stats();
  const double all_per_nonzero =
      static_cast<double>(segment.size()) / static_cast<double>(s.nonzero);
  const double clip = clip_of(std::sqrt(mean_square(s) * all_per_nonzero),
                              s.abs_mean * all_per_nonzero, 2 * levels);
  const double top = clip * (1 - 0.5 / levels);  // the centre of the last cell
  return s.max > 0 ? scale_of_ends(0, std::min(top, s.max), config)
                   : scale_of_ends(std::max(-top, s.min), 0, config);
}

}  // namespace

// The slope of the squared error in the clip a: of a²/(3·cells²) inside and 2∫(x − a)²φ(x)dx
// outside.
double gaussian_clip(double cells) {
  return root_of(0, 40, [&](double a) {
    const double density = std::exp(-a * a / 2) / std::sqrt(2 * kPi);
    const double tail = std::erfc(a / std::sqrt(2.0)) / 2;
    return 2 * a / (3 * cells * cells) - 4 * (density - a * tail);
  });
}

// a·e^a = 3·cells²: Lambert's W, here by its logarithm.
double laplace_clip(double cells) {
  const double target = std::log(3 * cells * cells);
  return root_of(0, 100, [&](double a) { return a + std::log(a) - target; });
}

SegmentScale aciq_scale(const Segment& segment, const QuantizerConfig& config) {
  const SegmentStats& s = segment.stats();
  const CodeRange range = code_range(config.grid, config.bits);
  const int levels = range.count();
  if (config.grid != Grid::kUnsigned) {
    SegmentScale result;
    const double clip = clip_of(std::sqrt(mean_square(s)), s.abs_mean, levels);
    result.scale = safe_scale(2 * clip / levels, range);
    return result;
  }
  if (s.min >= 0 || s.max <= 0) return one_sided_scale(segment, config, levels);
  const double clip = clip_of(s.deviation, mean_distance(segment, s.mean), levels);
  const double end = clip * (1 - 1.0 / levels);  // the centres of the outermost cells
  return scale_of_ends(std::max(s.mean - end, s.min), std::min(s.mean + end, s.max), config);
}

}  // namespace qat
