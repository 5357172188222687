// The learning rate of every step.
#pragma once

#include <cstdint>

namespace qat {

// kCosine: towards 0 after the last step (SGDR without restarts, Loshchilov & Hutter 2017).
// kStep: times `step_factor` after every `step_epochs` epochs.
enum class ScheduleKind { kConstant, kCosine, kStep };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  int64_t step_epochs = 1;
  double step_factor = 0.1;
  // Rises linearly over this many steps to what `kind` says there (Goyal et al. 2017); 0: at once.
  int64_t warmup_steps = 0;
};

// Throws E-NATIVE-ARGUMENT for values outside their ranges.
void validate(const Schedule& schedule);

// What the base learning rate is multiplied with at `step`, counted from 0.
double schedule_factor(const Schedule& schedule, int64_t step, int64_t steps_total,
                       int64_t steps_per_epoch);

}  // namespace qat
