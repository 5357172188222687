#include "nn/module.h"

#include "qat/error.h"

namespace qat {
namespace {

[[noreturn]] void no_packed_weight() {
  throw Error("E-LAYER-UNKNOWN", "The node has no packed weight.",
              "Use the name of one of the network's linear, convolution or embedding nodes.");
}

}  // namespace

PackedWeight Module::packed_weight() { no_packed_weight(); }

void Module::set_packed_weight(const PackedWeight&) { no_packed_weight(); }

}  // namespace qat
