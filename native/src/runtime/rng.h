// Deterministic random numbers: xoshiro256** seeded by splitmix64 (Blackman & Vigna, public
// domain). The same seed gives the same sequence on every machine and instruction set.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace qat {

uint64_t splitmix64(uint64_t& state);

class Rng {
 public:
  using State = std::array<uint64_t, 4>;

  explicit Rng(uint64_t seed);
  explicit Rng(const State& state) : state_(state) {}

  uint64_t next();
  // Uniform integer in [0, bound), without bias; bound > 0.
  uint64_t below(uint64_t bound);
  // Uniform in [0, 1) with 53 bits.
  double uniform();
  float uniform(float low, float high);
  // Standard normal (Box-Muller, one value per call, no hidden state).
  double normal();
  // Fisher-Yates.
  void shuffle(std::vector<uint32_t>& values);
  // Everything needed to go on: store it in a checkpoint.
  const State& state() const { return state_; }

 private:
  State state_;
};

}  // namespace qat
