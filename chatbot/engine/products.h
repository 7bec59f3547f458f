// Matrix products with AVX-512 in three kinds of numbers: float32, bfloat16 (AVX512_BF16) and 8 bits (AVX512_VNNI).
//
// Weights are packed once (compiled.py) into panels of 64 columns, so that one walk down a panel reads memory in order:
// panel, group of inputs, column, input within the group. A group is what one instruction adds up: 1, 2 or 4 inputs.
// Six rows by 64 columns stay in registers (Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix
// Multiplication", section 6). A row's sum runs in one order whoever shares its tile: no batch changes a result.

#pragma once

#include "numbers.h"

#ifdef __AVX512F__
constexpr int kPanel = 64, kTile = 6, kBlock = 48;  // kBlock: rows of one task
typedef uint16_t Half;                              // bfloat16's bits

struct FloatKind {
  typedef float In;
  typedef float Weight;
  typedef __m512 Sum;
  static constexpr int group = 1;
  static Sum zero() { return _mm512_setzero_ps(); }
  static __m512i spread(const In* from) { return _mm512_castps_si512(_mm512_set1_ps(*from)); }
  static Sum add(Sum sum, __m512i in, __m512i weights) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(in), _mm512_castsi512_ps(weights), sum);
  }
};

static inline __m512i spread_word(const void* from) {
  int32_t word;
  std::memcpy(&word, from, sizeof word);
  return _mm512_set1_epi32(word);
}

#ifdef __AVX512BF16__
struct Bf16Kind {
  typedef Half In;
  typedef Half Weight;
  typedef __m512 Sum;
  static constexpr int group = 2;
  static Sum zero() { return _mm512_setzero_ps(); }
  static __m512i spread(const In* from) { return spread_word(from); }
  static Sum add(Sum sum, __m512i in, __m512i weights) {
    return _mm512_dpbf16_ps(sum, (__m512bh)in, (__m512bh)weights);
  }
};
#endif

#ifdef __AVX512VNNI__
struct Int8Kind {
  typedef uint8_t In;  // 128 more than the number: the instruction multiplies unsigned by signed
  typedef int8_t Weight;
  typedef __m512i Sum;
  static constexpr int group = 4;
  static Sum zero() { return _mm512_setzero_si512(); }
  static __m512i spread(const In* from) { return spread_word(from); }
  static Sum add(Sum sum, __m512i in, __m512i weights) { return _mm512_dpbusd_epi32(sum, in, weights); }
};
#endif

static inline void to_low(float* to, const float* from, int num) { std::memcpy(to, from, num * sizeof(float)); }

static inline void to_low(Half* to, const float* from, int num) {  // to the nearest, ties to even
  for (int n = 0; n < num; n++) {
    uint32_t bits;
    std::memcpy(&bits, from + n, sizeof bits);
    to[n] = (Half)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}

static inline __m512 exponential(__m512 x) {  // as that of numbers.h
  __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  t = _mm512_min_ps(_mm512_max_ps(t, _mm512_set1_ps(-126.0f)), _mm512_set1_ps(126.0f));
  __m512 whole = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 f = _mm512_mul_ps(_mm512_sub_ps(t, whole), _mm512_set1_ps(0.693147181f));
  __m512 series = _mm512_set1_ps(0.00138888889f);
  for (float part : {0.00833333333f, 0.0416666667f, 0.166666667f, 0.5f, 1.0f, 1.0f})
    series = _mm512_fmadd_ps(series, f, _mm512_set1_ps(part));
  return _mm512_scalef_ps(series, whole);
}

static inline __m512 gelu_tanh(__m512 x) {  // as kefu_gelu_tanh
  __m512 u = _mm512_fmadd_ps(_mm512_set1_ps(0.044715f), _mm512_mul_ps(_mm512_mul_ps(x, x), x), x);
  __m512 power = exponential(_mm512_mul_ps(u, _mm512_set1_ps(-1.59576912f)));
  return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), power));
}

// Rows of `out`, 64 numbers each, get the sums: floats, or whole numbers for 8 bits.
template <typename Kind, int kRows>
static void multiply_rows(const typename Kind::In* in, int64_t stride, const typename Kind::Weight* panel, int groups,
                          void* out) {
  typename Kind::Sum sums[kRows][4];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) sums[r][v] = Kind::zero();
  const char* weights = (const char*)panel;
  for (int g = 0; g < groups; g++, weights += 256) {
    __m512i w[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) w[v] = _mm512_loadu_si512(weights + v * 64);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; r++) {
      __m512i x = Kind::spread(in + r * stride + g * Kind::group);
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) sums[r][v] = Kind::add(sums[r][v], x, w[v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) std::memcpy((char*)out + r * 256 + v * 64, &sums[r][v], 64);
}

template <typename Kind>
static void multiply(const typename Kind::In* in, int64_t stride, int rows, const typename Kind::Weight* panel,
                     int groups, void* out) {
  switch (rows) {
    case 1: return multiply_rows<Kind, 1>(in, stride, panel, groups, out);
    case 2: return multiply_rows<Kind, 2>(in, stride, panel, groups, out);
    case 3: return multiply_rows<Kind, 3>(in, stride, panel, groups, out);
    case 4: return multiply_rows<Kind, 4>(in, stride, panel, groups, out);
    case 5: return multiply_rows<Kind, 5>(in, stride, panel, groups, out);
    default: return multiply_rows<Kind, 6>(in, stride, panel, groups, out);
  }
}

// The weights of one product. `bias`, `scales` and `sums` have a number for each column of the panels, whose last may
// be wider than `outputs`. Only 8 bits have scales, and sums: 128 times each column's weights.
struct Product {
  const void* weights;
  const float* bias;
  const float* scales;
  const int32_t* sums;
  int32_t inputs, outputs;
};

enum class Then { kStore, kAdd, kGelu };

// Sixteen finished numbers of a row of sums.
static inline __m512 finish(const void* sums, const Product& product, int column, float scale) {
  const __m512 bias = _mm512_loadu_ps(product.bias + column);
  if (!product.scales) return _mm512_add_ps(_mm512_loadu_ps(sums), bias);
  __m512i whole = _mm512_sub_epi32(_mm512_loadu_si512(sums), _mm512_loadu_si512(product.sums + column));
  __m512 scales = _mm512_mul_ps(_mm512_loadu_ps(product.scales + column), _mm512_set1_ps(scale));
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), scales, bias);
}

// `task` of the products of `rows` rows: a panel and a block of rows. `out`: (rows, outputs), set, or added to.
template <typename Kind>
static void run_product(const Product& product, const typename Kind::In* in, const float* row_scales, int rows,
                        float* out, Then then, int task) {
  const int blocks = (rows + kBlock - 1) / kBlock, panel = task / blocks, groups = product.inputs / Kind::group;
  const int first = task % blocks * kBlock, end = first + kBlock < rows ? first + kBlock : rows;
  const auto* weights = (const typename Kind::Weight*)product.weights + (int64_t)panel * product.inputs * kPanel;
  alignas(64) float sums[kTile * kPanel];
  for (int at = first; at < end; at += kTile) {
    const int num = end - at < kTile ? end - at : kTile;
    multiply<Kind>(in + (int64_t)at * product.inputs, product.inputs, num, weights, groups, sums);
    for (int r = 0; r < num; r++)
      for (int begin = 0; begin < kPanel; begin += 16) {
        const int column = panel * kPanel + begin, left = product.outputs - column;
        if (left <= 0) break;
        const __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        float* to = out + (int64_t)(at + r) * product.outputs + column;
        __m512 value = finish(sums + r * kPanel + begin, product, column, row_scales[at + r]);
        if (then == Then::kGelu) value = gelu_tanh(value);
        if (then == Then::kAdd) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
        _mm512_mask_storeu_ps(to, mask, value);
      }
  }
}

static inline int count_tasks(const Product& product, int rows) {
  return (product.outputs + kPanel - 1) / kPanel * ((rows + kBlock - 1) / kBlock);
}

#endif
