#include "quant/user_grid.h"

#include <algorithm>
#include <array>
#include <vector>

#include "qat/error.h"
#include "quant/row_pieces.h"
#include "quant/user_quantizer.h"
#include "runtime/thread_pool.h"

namespace qat {
namespace {

constexpr size_t kMost = QAT_QUANTIZER_MAX_PARAMETERS;
using Parameters = std::array<float, kMost>;
using Sums = std::array<double, kMost>;

// The scale and the parameters behind it, as the library takes them.
Parameters parameters_at(const UserQuantizer& user, const Scales& scales, int64_t index) {
  Parameters all{};
  const int64_t more = user.parameter_count() - 1;
  all[0] = scales.scales[static_cast<size_t>(index)];
  std::copy_n(scales.parameters.begin() + index * more, more, all.begin() + 1);
  return all;
}

void put_parameters(const UserQuantizer& user, const Parameters& all, int64_t index,
                    Scales* scales) {
  const int64_t more = user.parameter_count() - 1;
  scales->scales[static_cast<size_t>(index)] = all[0];
  std::copy_n(all.begin() + 1, more, scales->parameters.begin() + index * more);
}

// fn(first column, columns, scale index) for each group of a row.
template <typename Fn>
void for_each_group(const ScaleLayout& layout, int64_t row, Fn&& fn) {
  for (int64_t g = 0; g < layout.groups_per_row(); ++g) {
    const int64_t begin = g * layout.group_cols;
    fn(begin, std::min(layout.group_cols, layout.cols - begin), row * layout.row_stride + g);
  }
}

void add_to(const UserQuantizer& user, const Sums& sums, int64_t index, double* dscale,
            double* dparameters) {
  const int64_t more = user.parameter_count() - 1;
  if (dscale) dscale[index] += sums[0];
  for (int64_t i = 0; dparameters && i < more; ++i) {
    dparameters[index * more + i] += sums[static_cast<size_t>(i + 1)];
  }
}

}  // namespace

const UserQuantizer& user_quantizer_of(const QuantizerConfig& config) {
  if (config.user) return *config.user;
  throw Error("E-QUANTIZER-LIBRARY", "The quantizer library of this weight is not loaded.",
              "Add the library, or choose another quantizer.");
}

Scales prepare_user_scales(const float* x, const ScaleLayout& layout, const QuantizerConfig& config,
                           const CancelToken* cancel) {
  const UserQuantizer& user = user_quantizer_of(config);
  Scales scales = make_scales(config, layout);
  const auto prepare = [&](const float* values, int64_t count, int64_t index) {
    throw_if_cancelled(cancel);
    Parameters found{};
    user.prepare(values, count, config.bits, found.data());
    put_parameters(user, found, index, &scales);
  };
  if (layout.row_stride == 0) {
    prepare(x, layout.rows * layout.cols, 0);
  } else {
    parallel_for(layout.rows, rows_per_chunk(layout.cols), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        for_each_group(layout, row, [&](int64_t first, int64_t count, int64_t index) {
          prepare(x + row * layout.cols + first, count, index);
        });
      }
    });
  }
  fill_user_levels(config, layout, &scales);
  return scales;
}

void fill_user_levels(const QuantizerConfig& config, const ScaleLayout& layout, Scales* scales) {
  const UserQuantizer& user = user_quantizer_of(config);
  const int64_t codes = int64_t{1} << config.bits;
  scales->levels.resize(static_cast<size_t>(layout.count() * codes));
  parallel_for(layout.count(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Parameters parameters = parameters_at(user, *scales, index);
      user.dequantize(config.bits, parameters.data(), scales->levels.data() + index * codes);
    }
  });
}

void user_codes_of_row(const QuantizerConfig& config, const ScaleLayout& layout,
                       const Scales& scales, const float* values, int64_t row, uint8_t* codes) {
  const UserQuantizer& user = user_quantizer_of(config);
  for_each_group(layout, row, [&](int64_t first, int64_t count, int64_t index) {
    const Parameters parameters = parameters_at(user, scales, index);
    user.quantize(values + first, count, config.bits, parameters.data(), codes + first);
  });
}

void user_levels_of_row(const ScaleLayout& layout, const Scales& scales, int bits, int64_t row,
                        const uint8_t* codes, float* y) {
  for_each_group(layout, row, [&](int64_t first, int64_t count, int64_t index) {
    const float* levels = scales.levels.data() + (index << bits);
    for (int64_t c = first; c < first + count; ++c) y[c] = levels[codes[c]];
  });
}

void user_fake_quantize(const float* x, float* y, const QuantizerConfig& config,
                        const ScaleLayout& layout, const Scales& scales,
                        const CancelToken* cancel) {
  const int64_t cols = layout.cols;
  parallel_for(layout.rows, rows_per_chunk(cols), [&](int64_t begin, int64_t end) {
    throw_if_cancelled(cancel);
    std::vector<uint8_t> codes(static_cast<size_t>(cols));
    for (int64_t row = begin; row < end; ++row) {
      user_codes_of_row(config, layout, scales, x + row * cols, row, codes.data());
      user_levels_of_row(layout, scales, config.bits, row, codes.data(), y + row * cols);
    }
  });
}

void user_backward(const float* x, float* dweight, const QuantizerConfig& config,
                   const ScaleLayout& layout, const Scales& scales, double* dscale,
                   double* dparameters) {
  const UserQuantizer& user = user_quantizer_of(config);
  const int64_t cols = layout.cols, count = layout.count();
  if (dscale) std::fill(dscale, dscale + count, 0.0);
  if (dparameters) std::fill(dparameters, dparameters + count * (user.parameter_count() - 1), 0.0);
  const int64_t chunk = rows_per_chunk(cols);
  std::vector<Sums> parts(static_cast<size_t>(chunk_count(layout.rows, chunk)), Sums{});
  parallel_chunks(layout.rows, chunk, [&](int64_t part, int64_t begin, int64_t end) {
    std::vector<float> given(static_cast<size_t>(cols));
    for (int64_t row = begin; row < end; ++row) {
      float* dw = dweight + row * cols;
      std::copy(dw, dw + cols, given.begin());
      for_each_group(layout, row, [&](int64_t first, int64_t n, int64_t index) {
        const Parameters parameters = parameters_at(user, scales, index);
        Sums sums{};
        user.gradient(x + row * cols + first, n, config.bits, parameters.data(),
                      given.data() + first, dw + first, sums.data());
        if (layout.row_stride) {
          add_to(user, sums, index, dscale, dparameters);
        } else {
          for (size_t i = 0; i < kMost; ++i) parts[static_cast<size_t>(part)][i] += sums[i];
        }
      });
    }
  });
  if (layout.row_stride) return;
  for (const Sums& sums : parts) add_to(user, sums, 0, dscale, dparameters);
}

}  // namespace qat
