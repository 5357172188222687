#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/ranges/estimators.h"

namespace qat {
namespace {

constexpr int64_t kFewestBins = 128;

// ln of whole numbers: nearly all that a divergence asks for are small.
double log_of(int64_t x) {
  constexpr int64_t kKept = int64_t{1} << 14;
  static const std::vector<double> kept = [] {
    std::vector<double> logs(kKept, 0.0);
    for (size_t i = 1; i < logs.size(); ++i) logs[i] = std::log(static_cast<double>(i));
    return logs;
  }();
  return x < kKept ? kept[static_cast<size_t>(x)] : std::log(static_cast<double>(x));
}

double log_times(double x) { return x > 0 ? x * std::log(x) : 0; }

// Prefix sums over the bins, so that the divergence of any number of bins costs one step a level
// and not one a bin.
class Divergence {
 public:
  Divergence(const std::vector<int64_t>& counts, int64_t levels)
      : counts_(counts), levels_(levels), mass_(counts.size() + 1), filled_(counts.size() + 1),
        log_mass_(counts.size() + 1) {
    for (size_t b = 0; b < counts.size(); ++b) {
      mass_[b + 1] = mass_[b] + counts[b];
      filled_[b + 1] = filled_[b] + (counts[b] > 0 ? 1 : 0);
      log_mass_[b + 1] = log_mass_[b] + log_times(static_cast<double>(counts[b]));
    }
  }

  // KL(P‖Q) of the first `bins` bins: P with the clipped mass added to the last one; Q without it,
  // each level's mass spread evenly over its filled bins. Both normalised.
  double of(int64_t bins) const {
    const auto end = static_cast<size_t>(bins);
    const double total = static_cast<double>(mass_.back());
    const double inside = static_cast<double>(mass_[end]);
    const double last = static_cast<double>(counts_[end - 1]);
    const double tail = total - inside;
    // Q is 0 where P is not.
    if (inside == 0 || (tail > 0 && last == 0)) return std::numeric_limits<double>::infinity();
    const double p_log_p = log_mass_[end] - log_times(last) + log_times(last + tail);
    double p_log_q = 0, last_density = 0;  // the logarithm
    size_t from = 0;
    for (int64_t l = 0; l < levels_; ++l) {
      const auto to = static_cast<size_t>(first_bin(l + 1, bins));
      const int64_t mass = mass_[to] - mass_[from];
      if (mass > 0) {
        last_density = log_of(mass) - log_of(filled_[to] - filled_[from]);
        p_log_q += static_cast<double>(mass) * last_density;
      }
      from = to;
    }
    if (tail > 0) p_log_q += tail * last_density;  // the last bin is filled
    return (p_log_p - p_log_q) / total - std::log(total) + std::log(inside);
  }

 private:
  // Bin b belongs to level floor(b·levels/bins).
  int64_t first_bin(int64_t level, int64_t bins) const {
    return (level * bins + levels_ - 1) / levels_;
  }

  const std::vector<int64_t>& counts_;
  const int64_t levels_;
  std::vector<int64_t> mass_, filled_;
  std::vector<double> log_mass_;
};

}  // namespace

int64_t kl_bins(const std::vector<int64_t>& counts, int64_t levels) {
  std::vector<int64_t> changed = counts;
  changed[0] = changed[1];  // exact zeros would outweigh everything
  const Divergence divergence(changed, levels);
  const auto all = static_cast<int64_t>(counts.size());
  double least = divergence.of(all);
  int64_t best = all;
  for (int64_t bins = all - 1; bins >= std::max(kFewestBins, levels); --bins) {
    const double found = divergence.of(bins);
    if (found < least) {  // of equal ones the widest
      least = found;
      best = bins;
    }
  }
  return best;
}

SegmentScale kl_scale(const Segment& segment, const QuantizerConfig& config) {
  const SegmentStats& s = segment.stats();
  const bool one_sided = config.grid == Grid::kUnsigned && (s.min >= 0 || s.max <= 0);
  // Levels of the magnitude: both signs share them unless there is one sign only.
  const int64_t levels = int64_t{1} << (one_sided ? config.bits : config.bits - 1);
  const int64_t bins = kl_bins(segment.magnitude_counts(), levels);
  const double clip = largest_magnitude(s) * static_cast<double>(bins) /
                      static_cast<double>(Segment::kMagnitudeBins);
  return scale_of_ends(std::max(s.min, -clip), std::min(s.max, clip), config);
}

}  // namespace qat
