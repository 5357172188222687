#include "nn/weight_rule.h"

#include <algorithm>
#include <initializer_list>

#include "nn/affine_rule.h"
#include "nn/binary_rule.h"
#include "nn/dorefa_rule.h"
#include "nn/ir_net_rule.h"
#include "nn/ternary_rule.h"
#include "nn/user_rule.h"
#include "qat/error.h"
#include "quant/fake_quant.h"
#include "quant/range.h"

namespace qat {

WeightRule::WeightRule(const WeightOptions& options, int64_t rows, int64_t cols)
    : options_(options), layout_(scale_layout(options.quantizer, rows, cols)) {}

Scales WeightRule::prepare(const float* w, const CancelToken* cancel) {
  return estimate_scales(w, layout_.rows, layout_.cols, quantizer(), cancel);
}

void WeightRule::quantize(const float* w, const Scales& scales, float* quantized) {
  fake_quantize(rounded_values(w), quantized, layout_.rows, layout_.cols, row_params(scales, 0),
                quantizer().grid == Grid::kBinary);
}

QuantParams WeightRule::row_params(const Scales& scales, int64_t first_row) const {
  return params_from_scale(quant_params(quantizer(), layout_, scales),
                           first_row * layout_.row_stride);
}

namespace {

using Make = std::unique_ptr<WeightRule> (*)(const WeightOptions& options, int64_t rows,
                                             int64_t cols);

template <typename Rule>
std::unique_ptr<WeightRule> make(const WeightOptions& options, int64_t rows, int64_t cols) {
  return std::make_unique<Rule>(options, rows, cols);
}

// One row per rule: the method and grids it is for. The first that fits is taken.
struct RuleRow {
  Method method;
  std::initializer_list<Grid> grids;
  Make make;
};
const std::initializer_list<Grid> kAffineGrids = {Grid::kSigned, Grid::kNarrow, Grid::kUnsigned,
                                                  Grid::kMidrise};
const RuleRow kRules[] = {
    {Method::kLsq, kAffineGrids, make<AffineRule>},
    {Method::kSte, kAffineGrids, make<AffineRule>},
    {Method::kLsq, {Grid::kBinary}, make<BinaryRule>},
    {Method::kSte, {Grid::kBinary}, make<BinaryRule>},
    {Method::kIrNet, {Grid::kBinary}, make<IrNetRule>},
    {Method::kLsq, {Grid::kTernary}, make<TernaryRule>},
    {Method::kSte, {Grid::kTernary}, make<TernaryRule>},
    {Method::kTtq, {Grid::kTernary}, make<TernaryRule>},
    {Method::kDoReFa, {Grid::kMidrise}, make<DoReFaRule>},
    {Method::kUser, {Grid::kUser}, make<UserRule>},
};

}  // namespace

std::unique_ptr<WeightRule> make_weight_rule(const WeightOptions& options, int64_t rows,
                                             int64_t cols) {
  if (options.quantizer.bits == kFloatBits) return nullptr;
  validate(options.quantizer);
  if ((options.method == Method::kTtq) != has_negative_scales(options.quantizer)) {
    throw Error("E-QUANTIZER-INVALID",
                "Two learned levels (ttq) start from two estimated ones, and those are then learned.",
                "Use method ttq with range ttq, or neither.");
  }
  for (const RuleRow& row : kRules) {
    const bool fits = std::find(row.grids.begin(), row.grids.end(), options.quantizer.grid) !=
                      row.grids.end();
    if (row.method == options.method && fits) return row.make(options, rows, cols);
  }
  if (options.method == Method::kDoReFa && options.quantizer.grid == Grid::kBinary) {
    throw Error("E-QUANTIZER-INVALID",
                "DoReFa at 1 bit is sign(w)·E|w|, whose values are those of method ste on the binary grid.",
                "Use method ste with one scale per tensor: its scale is the mean of |w| at every step.");
  }
  throw Error("E-QUANTIZER-INVALID", "Weights on this grid cannot be trained by this method.",
              "dorefa is for the mid-rise grid, irnet for binary, ttq for ternary, user for a library's; lsq and ste for the others.");
}

}  // namespace qat
