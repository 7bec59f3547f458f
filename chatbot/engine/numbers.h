// What all the kernels are written in: eight floats at a time, the exponential, and how keys and values are stored.
// GCC's vector extensions, so any processor.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
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

