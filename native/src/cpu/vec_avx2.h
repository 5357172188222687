// The small vector vocabulary in which the shared kernels are written: AVX2 with FMA. Included only
// by translation units compiled for it; everything is internal to them.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#define QAT_ISA avx2

namespace qat::avx2 {
namespace {

using vf = __m256;   // kWidth floats
using vd = __m256d;  // kWidth / 2 doubles
using vi = __m256i;  // kWidth int32
using vm = __m256;   // one truth per float, in the sign bits

constexpr int kWidth = 8;

// Register tile of the GEMM: kMaxRows x (kMaxVecs * kWidth).
constexpr int kMaxRows = 6;
constexpr int kMaxVecs = 2;

alignas(64) constexpr int32_t kTailTable[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

inline vm tail_mask(int64_t n) {
  const int64_t kept = n >= 8 ? 8 : n;
  return _mm256_castsi256_ps(
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kTailTable + 8 - kept)));
}

inline vf load(const float* p) { return _mm256_loadu_ps(p); }
inline vf load(const float* p, vm m) { return _mm256_maskload_ps(p, _mm256_castps_si256(m)); }
inline void store(float* p, vf v) { _mm256_storeu_ps(p, v); }
inline void store(float* p, vm m, vf v) { _mm256_maskstore_ps(p, _mm256_castps_si256(m), v); }
inline void stream(float* p, vf v) { _mm256_stream_ps(p, v); }
inline vf set1(float x) { return _mm256_set1_ps(x); }
inline vf zero() { return _mm256_setzero_ps(); }

inline vf add(vf a, vf b) { return _mm256_add_ps(a, b); }
inline vf sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
inline vf mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
inline vf div(vf a, vf b) { return _mm256_div_ps(a, b); }
inline vf fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
inline vf fms(vf a, vf b, vf c) { return _mm256_fmsub_ps(a, b, c); }
inline vf sqrt(vf a) { return _mm256_sqrt_ps(a); }
// a > b ? a : b and a < b ? a : b, so b where a is NaN.
inline vf max(vf a, vf b) { return _mm256_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm256_min_ps(a, b); }
inline vf round_even(vf a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline vf round_down(vf a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
inline vf abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

inline vm ge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
inline vm le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
inline vm gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
inline vm eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
inline vm both(vm a, vm b) { return _mm256_and_ps(a, b); }
inline vm and_not(vm keep, vm drop) { return _mm256_andnot_ps(drop, keep); }
inline bool all(vm m) { return _mm256_movemask_ps(m) == 0xff; }
inline unsigned mask_bits(vm m) { return static_cast<unsigned>(_mm256_movemask_ps(m)); }
inline int count(vm m) { return __builtin_popcount(mask_bits(m)); }
inline vf select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
inline vf keep(vm m, vf v) { return _mm256_and_ps(m, v); }

inline vd low_half(vf v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
inline vd high_half(vf v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }
inline vd dset1(double x) { return _mm256_set1_pd(x); }
inline vd dzero() { return _mm256_setzero_pd(); }
inline vd dadd(vd a, vd b) { return _mm256_add_pd(a, b); }
inline vd dsub(vd a, vd b) { return _mm256_sub_pd(a, b); }
inline vd dmul(vd a, vd b) { return _mm256_mul_pd(a, b); }
inline vd dfma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
inline vd dmax(vd a, vd b) { return _mm256_max_pd(a, b); }
inline vd dabs(vd a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
inline void dstore(double* p, vd v) { _mm256_storeu_pd(p, v); }

constexpr int kDoubleWidth = 4;

// Fixed reduction trees: halves added until one lane is left.
inline double reduce_add(vd v) {
  const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}
inline double reduce_add(vf v) { return reduce_add(dadd(low_half(v), high_half(v))); }
inline double reduce_max(vd v) {
  const __m128d b = _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
  return _mm_cvtsd_f64(_mm_max_sd(b, _mm_unpackhi_pd(b, b)));
}
inline float reduce_max(vf v) {
  const __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 b = _mm_max_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}
inline float reduce_min(vf v) {
  const __m128 a = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 b = _mm_min_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_min_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// kWidth whole numbers.
inline void store_ints(int32_t* p, vf v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_cvttps_epi32(v));
}

// n <= kWidth codes, whole numbers 0 ... 255.
inline void store_codes(uint8_t* p, vf codes, int64_t n) {
  const __m256i words = _mm256_cvttps_epi32(codes);
  const __m128i shorts =
      _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(shorts, shorts));
  std::memcpy(p, &bytes, static_cast<size_t>(n >= 8 ? 8 : n));
}

// n below 255 · 32.
// kPackedCodes codes of 1, 2 or 4 bits, one byte each, to as many bits.
constexpr int kPackedCodes = 32;

inline void pack_vector(const uint8_t* codes, uint8_t* packed, int bits) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  if (bits == 4) {
    const __m256i pairs =
        _mm256_and_si256(_mm256_or_si256(v, _mm256_srli_epi16(v, 4)), _mm256_set1_epi16(0xff));
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(pairs, pairs), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(packed), _mm256_castsi256_si128(bytes));
  } else if (bits == 2) {
    const __m256i pairs = _mm256_or_si256(v, _mm256_srli_epi16(v, 6));
    const __m256i fours =
        _mm256_and_si256(_mm256_or_si256(pairs, _mm256_srli_epi32(pairs, 12)), _mm256_set1_epi32(0xff));
    const __m128i words =
        _mm_packus_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(packed), _mm_packus_epi16(words, words));
  } else {
    const int set = _mm256_movemask_epi8(_mm256_slli_epi16(v, 7));
    __builtin_memcpy(packed, &set, 4);
  }
}

inline int64_t count_equal(const uint8_t* bytes, int64_t n, uint8_t value) {
  const __m256i wanted = _mm256_set1_epi8(static_cast<char>(value));
  __m256i found = _mm256_setzero_si256();
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + i));
    found = _mm256_sub_epi8(found, _mm256_cmpeq_epi8(block, wanted));
  }
  int64_t sums[4], count = 0;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm256_sad_epu8(found, _mm256_setzero_si256()));
  for (const int64_t sum : sums) count += sum;
  for (; i < n; ++i) count += bytes[i] == value;
  return count;
}

// Bins of kWidth values by numpy's rule; -1 below (or NaN), `bins` above.
struct BinScale {
  double low, high, step, per_unit, bins;
};

inline __m128i bin_half(vd x, const BinScale& b) {
  const vd low = dset1(b.low), step = dset1(b.step), high = dset1(b.high);
  const vd one = dset1(1.0), last = dset1(b.bins - 1.0);
  const vd under = _mm256_cmp_pd(x, low, _CMP_NGE_UQ);
  const vd over = _mm256_cmp_pd(x, high, _CMP_GT_OQ);
  vd i = _mm256_round_pd(dmul(dsub(x, low), dset1(b.per_unit)),
                         _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  i = _mm256_min_pd(i, last);
  const vd down = _mm256_cmp_pd(x, dadd(dmul(i, step), low), _CMP_LT_OQ);
  i = dsub(i, _mm256_and_pd(down, one));
  const vd next = dadd(i, one);
  const vd not_last = _mm256_cmp_pd(i, last, _CMP_LT_OQ);
  const vd up = _mm256_and_pd(not_last, _mm256_cmp_pd(x, dadd(dmul(next, step), low), _CMP_GE_OQ));
  i = dadd(i, _mm256_and_pd(up, one));
  i = _mm256_blendv_pd(i, dset1(-1.0), under);
  i = _mm256_blendv_pd(i, dset1(b.bins), over);
  return _mm256_cvttpd_epi32(i);
}

inline void bins_of(vf x, const BinScale& b, int32_t* out) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bin_half(low_half(x), b));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 4), bin_half(high_half(x), b));
}

// True where the exponent is all ones: NaN or infinity.
inline vm not_finite(vf v) {
  const __m256i exponent = _mm256_set1_epi32(0x7f800000);
  const __m256i bits = _mm256_and_si256(_mm256_castps_si256(v), exponent);
  return _mm256_castsi256_ps(_mm256_cmpeq_epi32(bits, exponent));
}

// rows[i] lane j -> rows[j] lane i.
inline void transpose(vf (&r)[8]) {
  vf t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
  }
}

}  // namespace
}  // namespace qat::avx2
