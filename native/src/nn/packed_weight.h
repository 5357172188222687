// The packed weight of a network's layer, in the form that its kind of layer has.
#pragma once

#include <variant>

#include "qat/error.h"
#include "quant/mixed_rows.h"
#include "quant/mpq_weight.h"
#include "quant/packing.h"

namespace qat {

// Linear, convolution and embeddings · MPQ linear · mixed-bit-row linear.
using PackedWeight = std::variant<QuantizedWeight, MpqWeight, MixedRowWeight>;

// Throws E-QUANTIZER-INVALID where `weight` has another form.
template <typename Form>
const Form& require_form(const PackedWeight& weight) {
  if (const Form* form = std::get_if<Form>(&weight)) return *form;
  throw Error("E-QUANTIZER-INVALID", "The packed weight is that of another kind of layer.",
              "Load the packed weight of this layer.");
}

}  // namespace qat
