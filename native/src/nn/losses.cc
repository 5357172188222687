#include "nn/losses.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "qat/error.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

// Elements per partial sum.
constexpr int64_t kChunk = 16384;

[[noreturn]] void refuse(const char* what) {
  throw Error("E-NATIVE-ARGUMENT", what, "Check the shape of the outputs and the loss's settings.");
}

void check_label(const uint8_t* labels, int64_t r, int64_t cols) {
  if (labels[r] < cols) return;
  throw Error("E-DATASET-MISMATCH",
              "Label " + std::to_string(labels[r]) + " of sample " + std::to_string(r) +
                  " is not below the " + std::to_string(cols) + " outputs.",
              "Use a network with one output per class of the data set.");
}

struct RowResult {
  double loss;
  bool correct;
};

// One sample: p = softmax(z); loss = log Σe^z − (1−ε)·z[label] − ε·mean(z); dz = (p − target)/rows.
RowResult cross_entropy_row(const float* z, int label, int64_t cols, double smoothing,
                            double row_weight, float* dz) {
  int64_t best = 0;
  for (int64_t c = 1; c < cols; ++c) {
    if (z[c] > z[best]) best = c;
  }
  const double top = z[best];
  double sum = 0, mean = 0;
  for (int64_t c = 0; c < cols; ++c) {
    sum += std::exp(z[c] - top);
    mean += z[c] - top;
  }
  mean /= static_cast<double>(cols);
  const double loss =
      std::log(sum) - (1 - smoothing) * (z[label] - top) - (smoothing > 0 ? smoothing * mean : 0.0);
  if (dz) {
    const double uniform = smoothing / static_cast<double>(cols);
    for (int64_t c = 0; c < cols; ++c) {
      const double target = uniform + (c == label ? 1 - smoothing : 0.0);
      dz[c] = static_cast<float>((std::exp(z[c] - top) / sum - target) * row_weight);
    }
  }
  return {loss, best == label};
}

// (z − max z)/T, and the log of the sum of their exponentials.
double soften(const float* z, int64_t cols, double temperature, std::vector<double>* scaled) {
  const double top = *std::max_element(z, z + cols);
  double sum = 0;
  for (int64_t c = 0; c < cols; ++c) {
    double& at = (*scaled)[static_cast<size_t>(c)];
    at = (z[c] - top) / temperature;
    sum += std::exp(at);
  }
  return std::log(sum);
}

}  // namespace

double softmax_cross_entropy(const float* logits, const uint8_t* labels, int64_t rows, int64_t cols,
                             double label_smoothing, float* dx, int64_t* correct) {
  if (rows < 1 || cols < 1 || !(label_smoothing >= 0 && label_smoothing <= 1)) {
    refuse("Cross-entropy needs at least one row and column and a label smoothing in [0, 1].");
  }
  double loss = 0;
  int64_t hits = 0;
  for (int64_t r = 0; r < rows; ++r) {
    check_label(labels, r, cols);
    float* dz = dx ? dx + r * cols : nullptr;
    const RowResult row = cross_entropy_row(logits + r * cols, labels[r], cols, label_smoothing,
                                            1.0 / static_cast<double>(rows), dz);
    loss += row.loss;
    hits += row.correct ? 1 : 0;
  }
  if (correct) *correct += hits;
  return loss / static_cast<double>(rows);
}

double mean_squared_error(const float* x, const float* target, int64_t rows, int64_t cols,
                          float* dx) {
  if (rows < 1 || cols < 1) {
    refuse("The squared error needs at least one row and column.");
  }
  const int64_t n = rows * cols;
  const double weight = 1.0 / static_cast<double>(n);
  std::vector<double> partials(static_cast<size_t>(chunk_count(n, kChunk)));
  parallel_chunks(n, kChunk, [&](int64_t chunk, int64_t begin, int64_t end) {
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) {
      const double error = static_cast<double>(x[i]) - static_cast<double>(target[i]);
      sum += error * error;
      if (dx) dx[i] = static_cast<float>(2 * error * weight);
    }
    partials[static_cast<size_t>(chunk)] = sum;
  });
  return std::accumulate(partials.begin(), partials.end(), 0.0) * weight;
}

double label_squared_error(const float* x, const uint8_t* labels, int64_t rows, int64_t cols,
                           double label_smoothing, float* dx) {
  if (rows < 1 || cols < 1) refuse("The squared error needs at least one row and column.");
  const double spread = label_smoothing / static_cast<double>(cols);
  std::vector<float> targets(static_cast<size_t>(rows * cols), static_cast<float>(spread));
  for (int64_t r = 0; r < rows; ++r) {
    check_label(labels, r, cols);
    targets[static_cast<size_t>(r * cols + labels[r])] = static_cast<float>(1 - label_smoothing + spread);
  }
  return mean_squared_error(x, targets.data(), rows, cols, dx);
}

void validate(const DistillationOptions& o) {
  const bool good = o.temperature > 0 && std::isfinite(o.temperature) && o.teacher_share >= 0 &&
                    o.teacher_share <= 1 && o.label_smoothing >= 0 && o.label_smoothing <= 1;
  if (!good) {
    refuse("Distillation needs a temperature above 0, and a teacher's share and a label smoothing "
           "in [0, 1].");
  }
}

double distillation_loss(const float* logits, const float* teacher, const uint8_t* labels,
                         int64_t rows, int64_t cols, const DistillationOptions& options, float* dx,
                         int64_t* correct) {
  validate(options);
  const double share = options.teacher_share;
  if (rows < 1 || cols < 1 || (!labels && share < 1)) {
    refuse("Distillation needs at least one row and column, and labels unless all is the teacher's.");
  }
  double loss = 0;
  if (labels) {
    loss = (1 - share) * softmax_cross_entropy(logits, labels, rows, cols, options.label_smoothing,
                                               dx, correct);
  }
  const double row_weight = 1.0 / static_cast<double>(rows);
  std::vector<double> student(static_cast<size_t>(cols)), wanted(static_cast<size_t>(cols));
  double divergence = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const double student_norm = soften(logits + r * cols, cols, options.temperature, &student);
    const double teacher_norm = soften(teacher + r * cols, cols, options.temperature, &wanted);
    for (int64_t c = 0; c < cols; ++c) {
      const auto i = static_cast<size_t>(c);
      const double p = std::exp(wanted[i] - teacher_norm), q = std::exp(student[i] - student_norm);
      divergence += p * ((wanted[i] - teacher_norm) - (student[i] - student_norm));
      if (!dx) continue;
      float& d = dx[r * cols + c];
      const double hard = labels ? (1 - share) * static_cast<double>(d) : 0.0;
      d = static_cast<float>(hard + share * options.temperature * (q - p) * row_weight);
    }
  }
  return loss + share * options.temperature * options.temperature * divergence * row_weight;
}

void validate(const LossOptions& options) {
  validate(DistillationOptions{options.temperature, options.teacher_share, options.label_smoothing});
}

double training_loss(const LossOptions& options, const float* outputs, const float* teacher,
                     const uint8_t* labels, int64_t rows, int64_t cols, float* dx) {
  if (options.needs_teacher() && !teacher) {
    throw Error("E-NATIVE-ARGUMENT", "This loss needs the outputs of a teacher.",
                "Give the training a teacher network.");
  }
  switch (options.kind) {
    case LossKind::kCrossEntropy: break;
    case LossKind::kDistillation:
      return distillation_loss(outputs, teacher, labels, rows, cols,
                               {options.temperature, options.teacher_share, options.label_smoothing},
                               dx, nullptr);
    case LossKind::kTeacherMse: return mean_squared_error(outputs, teacher, rows, cols, dx);
    case LossKind::kMse:
      return label_squared_error(outputs, labels, rows, cols, options.label_smoothing, dx);
  }
  return softmax_cross_entropy(outputs, labels, rows, cols, options.label_smoothing, dx, nullptr);
}

}  // namespace qat
