// Losses of a network's outputs, with their gradients.
#pragma once

#include <cstdint>

namespace qat {

// Mean over rows of −Σ target·log softmax(logits), target = (1−ε)·onehot + ε/cols. dx [rows, cols]
// (gradient of the mean) may be null. Labels must be < cols. correct (may be null) counts rows whose
// first largest logit is the label.
double softmax_cross_entropy(const float* logits, const uint8_t* labels, int64_t rows, int64_t cols,
                             double label_smoothing, float* dx, int64_t* correct);

// Mean of (x − target)² over all rows·cols elements. dx [rows, cols] = 2(x − target)/(rows·cols) may be
// null, and may alias either input.
double mean_squared_error(const float* x, const float* target, int64_t rows, int64_t cols,
                          float* dx);

struct DistillationOptions {
  double temperature = 4;      // T > 0: softens both distributions
  double teacher_share = 0.9;  // α in [0, 1]: the rest is cross-entropy with the labels
  double label_smoothing = 0;  // of that cross-entropy
};

// Throws E-NATIVE-ARGUMENT for values outside their ranges.
void validate(const DistillationOptions& options);

// Hinton, Vinyals & Dean 2015, in the form with the divergence: the mean over rows of
//   α·T²·KL(softmax(teacher/T) ‖ softmax(logits/T)) + (1 − α)·cross-entropy(logits, labels).
// T² keeps the gradient's size as T grows (their §2). labels may be null when α = 1. dx [rows, cols]
// (gradient to logits; the teacher is constant) may be null. correct as above, with labels.
double distillation_loss(const float* logits, const float* teacher, const uint8_t* labels,
                         int64_t rows, int64_t cols, const DistillationOptions& options, float* dx,
                         int64_t* correct);

// Mean over rows and columns of (x − target)², target = (1 − ε)·onehot(label) + ε/cols with ε the label
// smoothing. dx [rows, cols] may be null. Throws E-NATIVE-ARGUMENT without rows or columns.
double label_squared_error(const float* x, const uint8_t* labels, int64_t rows, int64_t cols,
                           double label_smoothing, float* dx);

// What a training minimises. The numbers are in checkpoints: append only.
//   kCrossEntropy  with the labels
//   kDistillation  with the labels and a teacher's outputs
//   kTeacherMse    squared distance to a teacher's outputs: labels take no part
//   kMse           squared distance to the labels' targets
enum class LossKind { kCrossEntropy, kDistillation, kTeacherMse, kMse };

struct LossOptions {
  LossKind kind = LossKind::kCrossEntropy;
  double label_smoothing = 0;
  double temperature = 4, teacher_share = 0.9;  // distillation
  bool needs_teacher() const { return kind == LossKind::kDistillation || kind == LossKind::kTeacherMse; }
};

// Throws E-NATIVE-ARGUMENT for values outside their ranges.
void validate(const LossOptions& options);

// The loss and dx [rows, cols] of a batch; teacher [rows, cols] where the loss needs one.
double training_loss(const LossOptions& options, const float* outputs, const float* teacher,
                     const uint8_t* labels, int64_t rows, int64_t cols, float* dx);

}  // namespace qat
