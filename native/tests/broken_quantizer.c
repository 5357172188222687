/* A quantizer library with one fault, chosen by -DFAULT_...; for tests of what the engine refuses. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "qat_quantizer.h"

#ifdef FAULT_ABI
#define ABI 7u
#else
#define ABI QAT_QUANTIZER_ABI
#endif

static int prepare(const float* values, size_t count, int32_t bits, float* parameters) {
  (void)values, (void)count, (void)bits;
  parameters[0] = 0.5f;
#ifdef FAULT_PARAMETER
  parameters[0] = -1.0f;
#endif
#ifdef FAULT_ERROR
  return 42;
#else
  return 0;
#endif
}

static int quantize(const float* values, size_t count, int32_t bits, const float* parameters,
                    uint8_t* codes) {
  (void)values, (void)parameters;
  for (size_t i = 0; i < count; ++i) codes[i] = 0;
#ifdef FAULT_CODE
  codes[count - 1] = (uint8_t)(1 << bits);
#else
  (void)bits;
#endif
#ifdef FAULT_UNWRITTEN
  codes[0] = 0xff;
#endif
  return 0;
}

static int dequantize(int32_t bits, const float* parameters, float* levels) {
  for (int code = 0; code < 1 << bits; ++code) levels[code] = parameters[0] * (float)code;
#ifdef FAULT_LEVEL
  levels[1] = NAN;
#endif
  return 0;
}

static int gradient(const float* values, size_t count, int32_t bits, const float* parameters,
                    const float* dquantized, float* dvalues, double* dparameters) {
  (void)values, (void)bits, (void)parameters;
  for (size_t i = 0; i < count; ++i) dvalues[i] = dquantized[i];
  dparameters[0] = 0;
#ifdef FAULT_GRADIENT
  dparameters[0] = INFINITY;
#endif
  return 0;
}

static const char* error_text(int error) { return error == 42 ? "the answer was wrong" : NULL; }

static const QatQuantizerParameter kParameters[] = {{"scale", 0.0f, 1}};

static const QatQuantizer kBroken = {
    ABI, sizeof(QatQuantizer),
#ifdef FAULT_NAME
    "Not A Name",
#else
    NAME,
#endif
    "0.1", "Has a fault.", QAT_QUANTIZER_AT(2), 1, kParameters, prepare, quantize, dequantize,
#ifdef FAULT_MISSING
    NULL,
#else
    gradient,
#endif
    error_text,
};

#ifdef FAULT_SYMBOL
QAT_QUANTIZER_EXPORT const QatQuantizer* another_name(void);
const QatQuantizer* another_name(void) { return &kBroken; }
#else
const QatQuantizer* qat_quantizer(uint32_t abi) {
  (void)abi;
#ifdef FAULT_NULL
  return NULL;
#else
  return &kBroken;
#endif
}
#endif
