// Session options and progress between JavaScript objects and the engine's structs.
#pragma once

#include "addon/napi_setup.h"
#include "nn/training_session.h"

namespace qat::addon {

// The kind, and what is given of the rest; the kind's own defaults otherwise.
OptimizerOptions optimizer_options(Napi::Object given);
SessionOptions session_options(Napi::Value value);
Napi::Object progress_to_js(Napi::Env env, const SessionProgress& progress);

}  // namespace qat::addon
