// Deterministic random numbers: xoshiro256** seeded by splitmix64 (Blackman & Vigna, public
// domain). The same seed gives the same sequence on every machine and instruction set.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
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

// Counter-based numbers: value `counter` of the stream `key`, without state. Any element of any step
// can be had on its own, on any thread and after a resume.
// A key for each place that needs numbers: random_key(seed, {layer, step}).
uint64_t random_key(uint64_t seed, std::initializer_list<uint64_t> path);
uint64_t random_at(uint64_t key, uint64_t counter);
// Uniform in [0, 1) with 53 bits.
double uniform_at(uint64_t key, uint64_t counter);

}  // namespace qat
