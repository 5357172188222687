#include "runtime/rng.h"

#include <cmath>

namespace qat {
namespace {
uint64_t rotate_left(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
double to_unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }
}  // namespace

uint64_t splitmix64(uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Rng::Rng(uint64_t seed) : state_{} {
  for (uint64_t& word : state_) word = splitmix64(seed);
}

uint64_t Rng::next() {
  const uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

uint64_t Rng::below(uint64_t bound) {
  // Reject the first (2^64 mod bound) values so that every residue is equally likely.
  const uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const uint64_t value = next();
    if (value >= threshold) return value % bound;
  }
}

double Rng::uniform() { return to_unit(next()); }

float Rng::uniform(float low, float high) {
  const double span = static_cast<double>(high) - static_cast<double>(low);
  return static_cast<float>(static_cast<double>(low) + span * uniform());
}

double Rng::normal() {
  const double kTwoPi = 6.283185307179586476925286766559;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u is never 0
  return radius * std::cos(kTwoPi * uniform());
}

void Rng::shuffle(std::vector<uint32_t>& values) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[below(i)]);
  }
}

uint64_t random_key(uint64_t seed, std::initializer_list<uint64_t> path) {
  uint64_t key = splitmix64(seed);
  for (const uint64_t part : path) {
    key ^= part;
    key = splitmix64(key);
  }
  return key;
}

uint64_t random_at(uint64_t key, uint64_t counter) {
  // splitmix64 is a mix of a counter that steps by this constant: jump to its place.
  uint64_t state = key + counter * 0x9e3779b97f4a7c15ULL;
  return splitmix64(state);
}

double uniform_at(uint64_t key, uint64_t counter) { return to_unit(random_at(key, counter)); }

}  // namespace qat
