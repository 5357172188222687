// Embedding bags against brute force.
#include <cmath>
#include <vector>

#include "nn/embedding.h"
#include "nn/embedding_bag.h"
#include "nn_test_util.h"
#include "test_harness.h"

using namespace qat;
using nn_test::random_values;

namespace {

EmbeddingOptions options(int bits, int64_t padding = -1) {
  EmbeddingOptions o;
  o.num_embeddings = 11;
  o.embedding_dim = 6;
  o.padding_idx = padding;
  o.weight.quantizer.bits = bits;
  if (bits == 1) o.weight.quantizer.grid = Grid::kBinary;
  return o;
}

const std::vector<int32_t> kIds = {3, 0, 3, 10, 5, 5, 7, 2, 1, 9, 5};
const std::vector<int32_t> kOffsets = {0, 3, 3, 4, 7};  // sizes 3, 0, 1, 3, 4
constexpr int64_t kBags = 5;

std::vector<float> reduce(EmbeddingBag& bag, const std::vector<int32_t>& ids = kIds,
                          const std::vector<int32_t>& offsets = kOffsets) {
  std::vector<float> y(offsets.size() * 6);
  bag.forward(ids.data(), static_cast<int64_t>(ids.size()), offsets.data(),
              static_cast<int64_t>(offsets.size()), y.data());
  return y;
}

// Ids of bag b that are not padding.
std::vector<int32_t> members(size_t b, int32_t padding) {
  std::vector<int32_t> result;
  const size_t end = b + 1 < kOffsets.size() ? static_cast<size_t>(kOffsets[b + 1]) : kIds.size();
  for (auto i = static_cast<size_t>(kOffsets[b]); i < end; ++i) {
    if (kIds[i] != padding) result.push_back(kIds[i]);
  }
  return result;
}

}  // namespace

TEST(embedding_bag_reduces_as_brute_force_does) {
  for (const int32_t padding : {-1, 5, 10}) {
    for (const int bits : {1, 4}) {
      for (const BagMode mode : {BagMode::kSum, BagMode::kMean, BagMode::kVote}) {
        if (mode == BagMode::kVote && bits != 1) continue;
        EmbeddingBag bag(options(bits, padding), mode);
        bag.reset_parameters(2);
        bag.prepare_params();
        Embedding table(options(bits, padding));
        table.set_weight_data(bag.weight(), 66);
        table.prepare_params();
        std::vector<float> rows(66);
        std::vector<int32_t> all;
        for (int32_t id = 0; id < 11; ++id) all.push_back(id);
        table.forward(all.data(), 11, rows.data());
        const auto trained = reduce(bag);
        bag.eval();
        CHECK(reduce(bag) == trained);
        for (size_t b = 0; b < kBags; ++b) {
          const auto in_bag = members(b, padding);
          const auto count = static_cast<double>(in_bag.size());
          for (size_t c = 0; c < 6; ++c) {
            double sum = 0, ones = 0;
            for (const int32_t id : in_bag) {
              const float value = rows[static_cast<size_t>(id) * 6 + c];
              sum += value;
              ones += value >= 0 ? 1 : 0;
            }
            double expected = sum;
            if (mode == BagMode::kMean) expected = sum / count;
            if (mode == BagMode::kVote) expected = ones >= std::ceil(count / 2) ? 1 : -1;
            if (in_bag.empty()) expected = 0;
            CHECK_NEAR(trained[b * 6 + c], expected, 1e-6);
          }
        }
      }
    }
  }
}

TEST(embedding_bag_gradient_reaches_each_member_once_per_use) {
  for (const BagMode mode : {BagMode::kSum, BagMode::kMean, BagMode::kVote}) {
    EmbeddingBag bag(options(1, 10), mode);
    bag.reset_parameters(2);
    bag.prepare_params();
    reduce(bag);
    const auto dy = random_values(kBags * 6, 3);
    const SparseGradient g = bag.backward(dy.data());
    CHECK((g.rows == std::vector<int32_t>{0, 1, 2, 3, 5, 7, 9}));
    CHECK_EQ(g.dscales.size(), mode == BagMode::kVote ? size_t{0} : size_t{7});
    for (size_t r = 0; r < g.rows.size(); ++r) {
      double dscale = 0;
      for (size_t c = 0; c < 6; ++c) {
        double dvalue = 0;
        for (size_t b = 0; b < kBags; ++b) {
          const auto in_bag = members(b, 10);
          for (const int32_t id : in_bag) {
            if (id != g.rows[r]) continue;
            const auto count = static_cast<double>(in_bag.size());
            dvalue += dy[b * 6 + c] / (mode == BagMode::kSum ? 1.0 : count);
          }
        }
        const float w = bag.weight()[g.rows[r] * 6 + static_cast<int32_t>(c)];
        dscale += w >= 0 ? dvalue : -dvalue;
        CHECK_NEAR(g.dweight[r * 6 + c], std::fabs(w) <= 1 ? dvalue : 0.0, 1e-6);
      }
      if (mode != BagMode::kVote) CHECK_NEAR(g.dscales[r], dscale / std::sqrt(6.0), 1e-5);
    }
  }
}

// Three of five and a tie: the hand cases of a majority.
TEST(embedding_bag_votes) {
  EmbeddingOptions o = options(1);
  o.num_embeddings = 2;
  o.embedding_dim = 2;
  EmbeddingBag bag(o, BagMode::kVote);
  const float weight[] = {1, -1, -1, 1};
  bag.set_weight_data(weight, 4);
  bag.prepare_params();
  const std::vector<int32_t> ids = {0, 1, 0, 1, 1, 0, 1}, offsets = {0, 5};
  float y[4];
  bag.forward(ids.data(), 7, offsets.data(), 2, y);
  CHECK_EQ(y[0], -1.0f);
  CHECK_EQ(y[1], 1.0f);
  CHECK_EQ(y[2], 1.0f);
  CHECK_EQ(y[3], 1.0f);
}

TEST(embedding_bag_refuses_what_it_cannot_do) {
  CHECK_THROWS(EmbeddingBag(options(4), BagMode::kVote), "E-QUANTIZER-INVALID");
  EmbeddingBag bag(options(4), BagMode::kSum);
  CHECK_THROWS(reduce(bag), "E-LAYER-STATE");
  bag.reset_parameters(1);
  bag.prepare_params();
  CHECK_THROWS(reduce(bag, kIds, {1, 3}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(reduce(bag, kIds, {0, 5, 3}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(reduce(bag, kIds, {0, 12}), "E-NATIVE-ARGUMENT");
  CHECK_THROWS(reduce(bag, {0, 11}, {0}), "E-NATIVE-ARGUMENT");
  const std::vector<float> dy(30);
  CHECK_THROWS(bag.backward(dy.data()), "E-LAYER-STATE");
  reduce(bag);
  bag.eval();
  CHECK_THROWS(bag.backward(dy.data()), "E-LAYER-STATE");
}
