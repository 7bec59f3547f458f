// What decoding waits for besides the products: attention over the cache, one token for each of many chats of different
// lengths, each reading its own length and no padding; and GPT-2's GELU. Compiled by kernels.py where there is a
// compiler; model_runner.py has the same in plain torch. GCC's vector extensions, so any processor.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#ifdef __AVX2__
#include <immintrin.h>
#endif

typedef float Vec __attribute__((vector_size(32)));
typedef int8_t ByteVec __attribute__((vector_size(8)));
constexpr int kWidth = 8;

static inline Vec load(const float* from) {
  Vec vec;
  std::memcpy(&vec, from, sizeof vec);
  return vec;
}

static inline Vec load(const int8_t* from) {
#ifdef __AVX2__  // GCC 12 takes the plain conversion apart number by number
  return (Vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from)));
#else
  ByteVec bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(bytes, Vec);
#endif
}

static inline void store(float* to, Vec vec) { std::memcpy(to, &vec, sizeof vec); }

static inline float sum(Vec v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }

// 2^t by its Taylor series around the nearest whole number: relative error below 2e-7 for |x| < 87.
static inline float exponential(float x) {
  float t = x * 1.44269504f;
  t = t < -126.0f ? -126.0f : (t > 126.0f ? 126.0f : t);
  float whole = std::nearbyint(t), f = (t - whole) * 0.693147181f;
  float series =
      1.0f + f * (1.0f + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
  int32_t bits = ((int32_t)whole + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return series * power;
}

// Stores a vector of the new token. int8: symmetric, one scale for the token and head.
static inline void put(float* to, float*, const float* from, int dim) { std::memcpy(to, from, dim * sizeof(float)); }

static inline void put(int8_t* to, float* scale, const float* from, int dim) {
  float most = 1e-12f;
  for (int d = 0; d < dim; d++) most = std::fabs(from[d]) > most ? std::fabs(from[d]) : most;
  *scale = most / 127.0f;
  for (int d = 0; d < dim; d++) to[d] = (int8_t)std::nearbyint(from[d] * (127.0f / most));
}

template <int kDim, typename Number>
static void attend_one(const float* query, const Number* keys, const Number* values, const float* key_scales,
                       const float* value_scales, int length, float scale, float* weights, float* out) {
  constexpr int kVecs = kDim / kWidth;
  Vec parts[kVecs];
  for (int n = 0; n < kVecs; n++) parts[n] = load(query + n * kWidth);
  float most = -INFINITY;
  for (int t = 0; t < length; t++) {
    const Number* key = keys + (int64_t)t * kDim;
    Vec even = parts[0] * load(key), odd = parts[1] * load(key + kWidth);
    for (int n = 2; n < kVecs; n += 2) {
      even += parts[n] * load(key + n * kWidth);
      odd += parts[n + 1] * load(key + (n + 1) * kWidth);
    }
    float score = sum(even + odd) * scale * (key_scales ? key_scales[t] : 1.0f);
    weights[t] = score;
    most = score > most ? score : most;
  }
  float total = 0.0f;
  for (int t = 0; t < length; t++) {
    weights[t] = exponential(weights[t] - most);
    total += weights[t];
  }
  if (value_scales)
    for (int t = 0; t < length; t++) weights[t] *= value_scales[t];
  Vec sums[kVecs] = {};
  for (int t = 0; t < length; t++) {
    const Number* value = values + (int64_t)t * kDim;
    Vec weight = weights[t] - Vec{};
    for (int n = 0; n < kVecs; n++) sums[n] += weight * load(value + n * kWidth);
  }
  for (int n = 0; n < kVecs; n++) store(out + n * kWidth, sums[n] / (total - Vec{}));
}

// Row b of qkv (batch, 3, heads, dim) is the token at positions[b] of slot b; the caches are those of one layer:
// (slots, heads, context, dim), scales (slots, heads, context).
template <int kDim, typename Number>
static void attend(const float* qkv, Number* keys, Number* values, float* key_scales, float* value_scales,
                   const int64_t* positions, float* out, int batch, int heads, int context, int threads) {
  const float scale = 1.0f / std::sqrt((float)kDim);
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> weights(context);
#pragma omp for schedule(dynamic, 4)
    for (int task = 0; task < batch * heads; task++) {
      int row = task / heads, head = task % heads, at = (int)positions[row];
      const float* query = qkv + ((int64_t)row * 3 * heads + head) * kDim;
      int64_t first = ((int64_t)row * heads + head) * context;
      Number *own_keys = keys + first * kDim, *own_values = values + first * kDim;
      float* own_key_scales = key_scales ? key_scales + first : nullptr;
      float* own_value_scales = value_scales ? value_scales + first : nullptr;
      put(own_keys + (int64_t)at * kDim, own_key_scales ? own_key_scales + at : nullptr, query + heads * kDim, kDim);
      put(own_values + (int64_t)at * kDim, own_value_scales ? own_value_scales + at : nullptr, query + 2 * heads * kDim,
          kDim);
      attend_one<kDim, Number>(query, own_keys, own_values, own_key_scales, own_value_scales, at + 1, scale,
                               weights.data(), out + ((int64_t)row * heads + head) * kDim);
    }
  }
}

extern "C" {

// 0 when the size of a head is one that was compiled, 1 otherwise: nothing was done then.
int kefu_attend(const float* qkv, void* keys, void* values, float* key_scales, float* value_scales,
                const int64_t* positions, float* out, int batch, int heads, int dim, int context, int threads) {
#define KEFU_CASE(size)                                                                                             \
  case size:                                                                                                        \
    if (key_scales)                                                                                                 \
      attend<size, int8_t>(qkv, (int8_t*)keys, (int8_t*)values, key_scales, value_scales, positions, out, batch,    \
                           heads, context, threads);                                                                \
    else                                                                                                            \
      attend<size, float>(qkv, (float*)keys, (float*)values, nullptr, nullptr, positions, out, batch, heads,        \
                          context, threads);                                                                        \
    return 0;
  switch (dim) {
    KEFU_CASE(16)
    KEFU_CASE(32)
    KEFU_CASE(64)
    KEFU_CASE(80)
    KEFU_CASE(128)
  }
#undef KEFU_CASE
  return 1;
}

// x / (1 + e^-2u) with u = sqrt(2/pi) (x + 0.044715 x^3): GELU in its tanh form (Hendrycks & Gimpel 2016).
void kefu_gelu_tanh(float* numbers, int64_t num, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
  for (int64_t n = 0; n < num; n++) {
    float x = numbers[n];
    numbers[n] = x / (1.0f + exponential(-1.59576912f * (x + 0.044715f * x * x * x)));
  }
}
}
