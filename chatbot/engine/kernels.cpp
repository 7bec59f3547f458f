// What the engine runs in compiled code where there is a compiler (kernels.py): on any processor attention while decoding
// and GPT-2's GELU, with AVX-512 the whole forward pass. The rest of the engine has the same in plain torch.

#include <new>

#include "attention.h"
#include "forward.h"

template <typename Number>
static void attend(const float* qkv, Number* keys, Number* values, float* key_scales, float* value_scales,
                   const int64_t* positions, const int64_t* slots, float* out, int batch, int heads, int dim, int context, int threads) {
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> weights(2 * context + 64);
#pragma omp for schedule(dynamic, 4)
    for (int task = 0; task < batch * heads; task++) {
      const int64_t row = task / heads, head = task % heads, first = (slots[row] * heads + head) * context;
      attend_row<Number>(qkv + (row * 3 * heads + head) * dim, heads, dim, keys + first * dim, values + first * dim,
                         key_scales ? key_scales + first : nullptr, value_scales ? value_scales + first : nullptr,
                         (int)positions[row], weights.data(), out + (row * heads + head) * dim);
    }
  }
}

extern "C" {

// Row b of qkv (batch, 3, heads, dim) is the token at positions[b] of slots[b]; the caches are those of one layer:
// (slots, heads, context, dim), scales (slots, heads, context). `dim`: 16, 32, 64, 80 or 128.
void kefu_attend(const float* qkv, void* keys, void* values, float* key_scales, float* value_scales,
                 const int64_t* positions, const int64_t* slots, float* out, int batch, int heads, int dim, int context, int threads) {
  if (key_scales)
    attend<int8_t>(qkv, (int8_t*)keys, (int8_t*)values, key_scales, value_scales, positions, slots, out, batch, heads, dim,
                   context, threads);
  else
    attend<float>(qkv, (float*)keys, (float*)values, nullptr, nullptr, positions, slots, out, batch, heads, dim, context,
                  threads);
}

// x / (1 + e^-2u) with u = sqrt(2/pi) (x + 0.044715 x^3): GELU in its tanh form (Hendrycks & Gimpel 2016).
void kefu_gelu_tanh(float* numbers, int64_t num, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
  for (int64_t n = 0; n < num; n++) {
    float x = numbers[n];
    numbers[n] = x / (1.0f + exponential(-1.59576912f * (x + 0.044715f * x * x * x)));
  }
}

// The inputs that one instruction of the whole forward pass adds up with weights of a kind (0 float, 1 bf16, 2 int8);
// 0 where the processor has no such instruction.
int kefu_group(int kind) {
#ifdef __AVX512F__
  if (kind == 0) return FloatKind::group;
#ifdef __AVX512BF16__
  if (kind == 1) return Bf16Kind::group;
#endif
#ifdef __AVX512VNNI__
  if (kind == 2) return Int8Kind::group;
#endif
#endif
  return 0;
}

#ifdef __AVX512F__
// One step: tokens `ids` of the pieces in their order, logits (pieces, vocabulary) after the last token of each.
// 0, or 1 when there is no memory for it.
int kefu_step(const Model* model, int kind, const int64_t* ids, const Piece* pieces, int num_decoding, int num_pieces,
              float* logits, int threads) {
#define KEFU_RUN(Kind)                                                                                  \
  model->key_scales ? run_step<Kind, int8_t>(*model, ids, pieces, num_decoding, num_pieces, logits, threads) \
                    : run_step<Kind, float>(*model, ids, pieces, num_decoding, num_pieces, logits, threads)
  try {
    if (kind == 0) KEFU_RUN(FloatKind);
#ifdef __AVX512BF16__
    if (kind == 1) KEFU_RUN(Bf16Kind);
#endif
#ifdef __AVX512VNNI__
    if (kind == 2) KEFU_RUN(Int8Kind);
#endif
  } catch (const std::bad_alloc&) {
    return 1;
  }
#undef KEFU_RUN
  return 0;
}
#endif
}
