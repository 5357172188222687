// The small vector vocabulary in which the shared kernels are written: AVX-512 (F, BW, DQ, VL).
// Included only by translation units compiled for it; everything is internal to them.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define QAT_ISA avx512

namespace qat::avx512 {
namespace {

using vf = __m512;     // kWidth floats
using vd = __m512d;    // kWidth / 2 doubles
using vi = __m512i;    // kWidth int32
using vm = __mmask16;  // one truth per float

constexpr int kWidth = 16;

// Register tile of the GEMM: kMaxRows x (kMaxVecs * kWidth).
constexpr int kMaxRows = 14;
constexpr int kMaxVecs = 2;

inline vm tail_mask(int64_t n) { return static_cast<vm>(n >= 16 ? 0xffffu : (1u << n) - 1u); }

inline vf load(const float* p) { return _mm512_loadu_ps(p); }
inline vf load(const float* p, vm m) { return _mm512_maskz_loadu_ps(m, p); }
inline void store(float* p, vf v) { _mm512_storeu_ps(p, v); }
inline void store(float* p, vm m, vf v) { _mm512_mask_storeu_ps(p, m, v); }
inline void stream(float* p, vf v) { _mm512_stream_ps(p, v); }
inline vf set1(float x) { return _mm512_set1_ps(x); }
inline vf zero() { return _mm512_setzero_ps(); }

inline vf add(vf a, vf b) { return _mm512_add_ps(a, b); }
inline vf sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
inline vf mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
inline vf div(vf a, vf b) { return _mm512_div_ps(a, b); }
inline vf fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
inline vf fms(vf a, vf b, vf c) { return _mm512_fmsub_ps(a, b, c); }
inline vf sqrt(vf a) { return _mm512_sqrt_ps(a); }
// a > b ? a : b and a < b ? a : b, so b where a is NaN.
inline vf max(vf a, vf b) { return _mm512_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm512_min_ps(a, b); }
inline vf round_even(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
inline vf round_down(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF); }
inline vf abs(vf a) { return _mm512_abs_ps(a); }

inline vm ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
inline vm le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
inline vm gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline vm eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline vm both(vm a, vm b) { return a & b; }
inline vm and_not(vm keep, vm drop) { return static_cast<vm>(keep & ~drop); }
inline int count(vm m) { return __builtin_popcount(m); }
inline bool all(vm m) { return _kortestc_mask16_u8(m, m) != 0; }
inline unsigned mask_bits(vm m) { return m; }
inline vf select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
inline vf keep(vm m, vf v) { return _mm512_maskz_mov_ps(m, v); }

inline vd low_half(vf v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
inline vd high_half(vf v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }
inline vd dset1(double x) { return _mm512_set1_pd(x); }
inline vd dzero() { return _mm512_setzero_pd(); }
inline vd dadd(vd a, vd b) { return _mm512_add_pd(a, b); }
inline vd dsub(vd a, vd b) { return _mm512_sub_pd(a, b); }
inline vd dmul(vd a, vd b) { return _mm512_mul_pd(a, b); }
inline vd dfma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
inline vd dmax(vd a, vd b) { return _mm512_max_pd(a, b); }
inline vd dabs(vd a) { return _mm512_abs_pd(a); }
inline void dstore(double* p, vd v) { _mm512_storeu_pd(p, v); }

constexpr int kDoubleWidth = 8;

// Fixed reduction trees: halves added until one lane is left.
inline double reduce_add(vd v) {
  const __m256d a = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
  const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}
inline double reduce_add(vf v) { return reduce_add(dadd(low_half(v), high_half(v))); }
inline double reduce_max(vd v) { return _mm512_reduce_max_pd(v); }
inline float reduce_max(vf v) { return _mm512_reduce_max_ps(v); }
inline float reduce_min(vf v) { return _mm512_reduce_min_ps(v); }

// kWidth whole numbers.
inline void store_ints(int32_t* p, vf v) { _mm512_storeu_si512(p, _mm512_cvttps_epi32(v)); }

// n <= kWidth codes, whole numbers 0 ... 255.
inline void store_codes(uint8_t* p, vf codes, int64_t n) {
  const __m512i whole = _mm512_cvttps_epi32(codes);
  if (n == kWidth) {  // the masked store is many times slower
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(whole));
  } else {
    _mm512_mask_cvtepi32_storeu_epi8(p, tail_mask(n), whole);
  }
}

// kPackedCodes codes of 1, 2 or 4 bits, one byte each, to as many bits.
constexpr int kPackedCodes = 64;

inline void pack_vector(const uint8_t* codes, uint8_t* packed, int bits) {
  const __m512i v = _mm512_loadu_si512(codes);
  if (bits == 4) {
    const __m512i pairs = _mm512_or_si512(v, _mm512_srli_epi16(v, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed), _mm512_cvtepi16_epi8(pairs));
  } else if (bits == 2) {
    const __m512i pairs = _mm512_or_si512(v, _mm512_srli_epi16(v, 6));
    const __m512i fours = _mm512_or_si512(pairs, _mm512_srli_epi32(pairs, 12));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(packed), _mm512_cvtepi32_epi8(fours));
  } else {
    const uint64_t set = _mm512_test_epi8_mask(v, v);
    __builtin_memcpy(packed, &set, 8);
  }
}

inline int64_t count_equal(const uint8_t* bytes, int64_t n, uint8_t value) {
  const __m512i wanted = _mm512_set1_epi8(static_cast<char>(value));
  int64_t count = 0, i = 0;
  for (; i + 64 <= n; i += 64) {
    count += __builtin_popcountll(_mm512_cmpeq_epi8_mask(_mm512_loadu_si512(bytes + i), wanted));
  }
  for (; i < n; ++i) count += bytes[i] == value;
  return count;
}

// Bins of kWidth values by numpy's rule; -1 below (or NaN), `bins` above.
struct BinScale {
  double low, high, step, per_unit, bins;
};

inline __m256i bin_half(vd x, const BinScale& b) {
  const vd low = dset1(b.low), step = dset1(b.step), high = dset1(b.high);
  const vd one = dset1(1.0), last = dset1(b.bins - 1.0);
  const __mmask8 under = _mm512_cmp_pd_mask(x, low, _CMP_NGE_UQ);
  const __mmask8 over = _mm512_cmp_pd_mask(x, high, _CMP_GT_OQ);
  vd i = _mm512_roundscale_pd(dmul(dsub(x, low), dset1(b.per_unit)), _MM_FROUND_TO_ZERO);
  i = _mm512_min_pd(i, last);
  const __mmask8 down = _mm512_cmp_pd_mask(x, dadd(dmul(i, step), low), _CMP_LT_OQ);
  i = _mm512_mask_sub_pd(i, down, i, one);
  const vd next = dadd(i, one);
  const __mmask8 not_last = _mm512_cmp_pd_mask(i, last, _CMP_LT_OQ);
  const __mmask8 up =
      _mm512_mask_cmp_pd_mask(not_last, x, dadd(dmul(next, step), low), _CMP_GE_OQ);
  i = _mm512_mask_add_pd(i, up, i, one);
  i = _mm512_mask_mov_pd(i, under, dset1(-1.0));
  i = _mm512_mask_mov_pd(i, over, dset1(b.bins));
  return _mm512_cvttpd_epi32(i);
}

inline void bins_of(vf x, const BinScale& b, int32_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bin_half(low_half(x), b));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8), bin_half(high_half(x), b));
}

// True where the exponent is all ones: NaN or infinity.
inline vm not_finite(vf v) { return _mm512_fpclass_ps_mask(v, 0x99); }

// rows[i] lane j -> rows[j] lane i.
inline void transpose(vf (&r)[16]) {
  vf t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  vf u[16];
  for (int i = 0; i < 16; i += 4) {
    const auto pd = [](vf v) { return _mm512_castps_pd(v); };
    const auto ps = [](__m512d v) { return _mm512_castpd_ps(v); };
    u[i] = ps(_mm512_unpacklo_pd(pd(t[i]), pd(t[i + 2])));
    u[i + 1] = ps(_mm512_unpackhi_pd(pd(t[i]), pd(t[i + 2])));
    u[i + 2] = ps(_mm512_unpacklo_pd(pd(t[i + 1]), pd(t[i + 3])));
    u[i + 3] = ps(_mm512_unpackhi_pd(pd(t[i + 1]), pd(t[i + 3])));
  }
  for (int i = 0; i < 4; ++i) {  // 128-bit lanes: u[i], u[i + 4], u[i + 8], u[i + 12]
    const vf a = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88);
    const vf b = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xdd);
    const vf c = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88);
    const vf d = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xdd);
    r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
    r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}

}  // namespace
}  // namespace qat::avx512
