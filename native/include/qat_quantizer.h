/* The interface of a quantizer library for weights: plain C99, nothing of the engine is needed.
 *
 * A library exports one function, qat_quantizer(), and is loaded at the user's wish. Its functions
 *   - are pure: the same arguments give the same bits, nothing is kept between calls;
 *   - are called from several threads at once;
 *   - return 0, or an error number of their own that error_text() explains;
 *   - work on the values of one group (all that share a scale: a tensor, a row, or g columns of a row).
 * quantize() and gradient() are also called for parts of a group, under that group's parameters: what
 * they give for one value must not depend on the others. How to build one: docs/user-quantizers.md. */
#ifndef QAT_QUANTIZER_H_
#define QAT_QUANTIZER_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QAT_QUANTIZER_ABI 1u
#define QAT_QUANTIZER_MAX_PARAMETERS 8
/* For QatQuantizer.bits: the quantizer exists at b bits, 1 <= b <= 8. */
#define QAT_QUANTIZER_AT(b) (1u << (b))

#if defined(_WIN32)
#define QAT_QUANTIZER_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define QAT_QUANTIZER_EXPORT __attribute__((visibility("default")))
#else
#define QAT_QUANTIZER_EXPORT
#endif

/* One number that every group has. The first is its scale and always positive. */
typedef struct QatQuantizerParameter {
  const char* name;
  float least;         /* smallest legal value; training never goes below */
  int32_t is_learned;  /* not 0: trained by the sums of gradient() */
} QatQuantizerParameter;

typedef struct QatQuantizer {
  uint32_t abi;   /* QAT_QUANTIZER_ABI */
  uint32_t size;  /* sizeof(QatQuantizer) */
  const char* name;         /* 1 to 32 of a-z 0-9 -, begins with a letter */
  const char* version;      /* 1 to 32 printable ASCII characters */
  const char* description;  /* one sentence, at most 500 bytes of UTF-8 */
  uint32_t bits;            /* QAT_QUANTIZER_AT(...) | ... */
  uint32_t parameter_count; /* 1 to QAT_QUANTIZER_MAX_PARAMETERS */
  const QatQuantizerParameter* parameters;

  /* The parameters of a group before training, from its values [count], count >= 1, finite. */
  int (*prepare)(const float* values, size_t count, int32_t bits, float* parameters);
  /* codes [count] of values [count]: 0 ... 2^bits - 1. */
  int (*quantize)(const float* values, size_t count, int32_t bits, const float* parameters,
                  uint8_t* codes);
  /* levels [2^bits]: the value of every code, finite. */
  int (*dequantize)(int32_t bits, const float* parameters, float* levels);
  /* dvalues [count] from dquantized [count], the gradients at the levels; they never overlap.
   * Overwrites dparameters [parameter_count] with sums over these values of dquantized times the
   * level's derivative by the parameter. Not called by evaluation. */
  int (*gradient)(const float* values, size_t count, int32_t bits, const float* parameters,
                  const float* dquantized, float* dvalues, double* dparameters);
  /* What an error number means, or NULL. May itself be NULL. */
  const char* (*error_text)(int error);
} QatQuantizer;

/* The library's table, valid as long as it is loaded; NULL where it cannot speak this version. */
typedef const QatQuantizer* (*QatQuantizerEntry)(uint32_t abi);
QAT_QUANTIZER_EXPORT const QatQuantizer* qat_quantizer(uint32_t abi);

#ifdef __cplusplus
}
#endif

#endif /* QAT_QUANTIZER_H_ */
