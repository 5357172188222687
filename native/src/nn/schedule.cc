#include "nn/schedule.h"

#include <algorithm>
#include <cmath>

#include "qat/error.h"

namespace qat {
namespace {

constexpr double kPi = 3.14159265358979323846;

void require(bool good, const char* what) {
  if (good) return;
  throw Error("E-NATIVE-ARGUMENT", what, "Correct the training settings.");
}

}  // namespace

void validate(const Schedule& s) {
  require(s.step_epochs >= 1, "Schedule: the learning rate steps after at least 1 epoch.");
  require(s.step_factor > 0 && s.step_factor <= 1, "Schedule: the step factor must be in (0, 1].");
  require(s.warmup_steps >= 0, "Schedule: warm-up steps must not be negative.");
}

double schedule_factor(const Schedule& s, int64_t step, int64_t steps_total,
                       int64_t steps_per_epoch) {
  double factor = 1;
  if (s.kind == ScheduleKind::kCosine) {
    const double progress = static_cast<double>(step) / static_cast<double>(steps_total);
    factor = 0.5 * (1 + std::cos(kPi * progress));
  } else if (s.kind == ScheduleKind::kStep) {
    const int64_t epoch = step / steps_per_epoch;
    factor = std::pow(s.step_factor, static_cast<double>(epoch / s.step_epochs));
  }
  if (step < s.warmup_steps) {
    factor *= static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
  }
  return factor;
}

}  // namespace qat
