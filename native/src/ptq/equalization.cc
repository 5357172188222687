#include "ptq/equalization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "qat/error.h"

namespace qat {
namespace {

constexpr double kTolerance = 1e-6;  // of a range, relative
constexpr int64_t kMostSweeps = 1000;

using Factors = std::vector<std::vector<double>>;  // by junction, by channel

// What the junction before layer `index` multiplies each of its columns with.
std::vector<double> column_factors(const EqualizedLayer& layer, size_t index,
                                   const Factors& scales) {
  std::vector<double> factors(static_cast<size_t>(layer.cols), 1.0);
  if (index == 0) return factors;
  const std::vector<double>& before = scales[index - 1];
  const size_t columns = factors.size() / before.size();
  for (size_t c = 0; c < factors.size(); ++c) factors[c] = before[c / columns];
  return factors;
}

double row_factor(size_t index, const Factors& scales, int64_t row) {
  return index < scales.size() ? 1 / scales[index][static_cast<size_t>(row)] : 1;
}

// The largest |w| of each row, as scaled so far.
std::vector<double> row_ranges(const EqualizedLayer& layer, size_t index, const Factors& scales) {
  const std::vector<double> factors = column_factors(layer, index, scales);
  std::vector<double> ranges(static_cast<size_t>(layer.rows));
  for (int64_t r = 0; r < layer.rows; ++r) {
    double most = 0;
    for (int64_t c = 0; c < layer.cols; ++c) {
      most = std::max(most, std::fabs(layer.weight[r * layer.cols + c] *
                                      factors[static_cast<size_t>(c)]));
    }
    ranges[static_cast<size_t>(r)] = most * row_factor(index, scales, r);
  }
  return ranges;
}

// The largest |w| of each channel's columns, as scaled so far.
std::vector<double> channel_ranges(const EqualizedLayer& layer, size_t index,
                                   const Factors& scales) {
  std::vector<double> most(static_cast<size_t>(layer.cols), 0.0);
  for (int64_t r = 0; r < layer.rows; ++r) {
    const double factor = row_factor(index, scales, r);
    for (int64_t c = 0; c < layer.cols; ++c) {
      double& column = most[static_cast<size_t>(c)];
      column = std::max(column, std::fabs(layer.weight[r * layer.cols + c] * factor));
    }
  }
  const std::vector<double> factors = column_factors(layer, index, scales);
  std::vector<double> ranges(scales[index - 1].size(), 0.0);
  const size_t columns = most.size() / ranges.size();
  for (size_t c = 0; c < most.size(); ++c) {
    ranges[c / columns] = std::max(ranges[c / columns], most[c] * factors[c]);
  }
  return ranges;
}

// Returns the largest relative change of a range.
double equalize_junction(const std::vector<EqualizedLayer>& layers, size_t junction,
                         Factors* scales) {
  const std::vector<double> first = row_ranges(layers[junction], junction, *scales);
  const std::vector<double> second =
      channel_ranges(layers[junction + 1], junction + 1, *scales);
  double change = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    if (!(first[i] > 0) || !(second[i] > 0)) continue;
    const double factor = std::sqrt(first[i] / second[i]);
    (*scales)[junction][i] *= factor;
    change = std::max(change, std::fabs(std::log(factor)));
  }
  return change;
}

void check(const std::vector<EqualizedLayer>& layers) {
  if (layers.size() < 2) {
    throw Error("E-WEIGHT-SHAPE", "Equalisation needs at least two layers.",
                "Name the layers on both sides of the channels.");
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool empty = layers[i].rows < 1 || layers[i].cols < 1;
    if (empty || (i > 0 && layers[i].cols % layers[i - 1].rows != 0)) {
      throw Error("E-WEIGHT-SHAPE",
                  "Layer " + std::to_string(i) + " of shape " + std::to_string(layers[i].rows) +
                      " x " + std::to_string(layers[i].cols) +
                      " does not follow the one before it.",
                  "Its columns must be a multiple of the rows of the layer before.");
    }
  }
}

void check_biases(const std::vector<EqualizedLayer>& layers, const Factors& scales) {
  for (size_t i = 0; i < scales.size(); ++i) {
    for (int64_t r = 0; layers[i].bias && r < layers[i].rows; ++r) {
      if (std::fabs(layers[i].bias[r] * row_factor(i, scales, r)) <=
          static_cast<double>(std::numeric_limits<float>::max())) {
        continue;
      }
      throw Error("E-NATIVE-ARGUMENT",
                  "The bias of channel " + std::to_string(r) + " of layer " + std::to_string(i) +
                      " would overflow.",
                  "Its weights are next to nothing: leave these layers as they are.");
    }
  }
}

void apply(const EqualizedLayer& layer, size_t index, const Factors& scales) {
  const std::vector<double> factors = column_factors(layer, index, scales);
  for (int64_t r = 0; r < layer.rows; ++r) {
    const double factor = row_factor(index, scales, r);
    for (int64_t c = 0; c < layer.cols; ++c) {
      float& w = layer.weight[r * layer.cols + c];
      w = static_cast<float>(w * factor * factors[static_cast<size_t>(c)]);
    }
    if (layer.bias) layer.bias[r] = static_cast<float>(layer.bias[r] * factor);
  }
}

}  // namespace

Equalization equalize(const std::vector<EqualizedLayer>& layers, const CancelToken* cancel) {
  check(layers);
  Equalization result;
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    result.scales.emplace_back(static_cast<size_t>(layers[i].rows), 1.0);
  }
  double change = 1;
  while (change > kTolerance && result.sweeps < kMostSweeps) {
    change = 0;
    for (size_t i = 0; i < result.scales.size(); ++i) {
      throw_if_cancelled(cancel);
      change = std::max(change, equalize_junction(layers, i, &result.scales));
    }
    ++result.sweeps;
  }
  check_biases(layers, result.scales);
  for (size_t i = 0; i < layers.size(); ++i) apply(layers[i], i, result.scales);
  return result;
}

}  // namespace qat
