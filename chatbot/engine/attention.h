// Attention over the cache. One token to all before it (decoding): each chat to its own length and no padding. A piece
// of a prompt (AVX-512 only): blocks of 64 keys, softmax as it goes (Milakov & Gimelshein 2018; Dao et al. 2022), its
// two products by the tiles of products.h.

#pragma once

#include <vector>

#include "products.h"

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

#ifdef __AVX512VNNI__
// The sums of sixteen registers, in their order.
static inline __m512i sum_each(const __m512i* v) {
  __m512i fours[4];
#pragma GCC unroll 4
  for (int n = 0; n < 4; n++, v += 4) {
    __m512i one = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i two = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    fours[n] = _mm512_add_epi32(_mm512_unpacklo_epi64(one, two), _mm512_unpackhi_epi64(one, two));
  }
  auto join = [](__m512i one, __m512i two) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(one, two, 0x44), _mm512_shuffle_i32x4(one, two, 0xee));
  };
  __m512i low = join(fours[0], fours[1]), high = join(fours[2], fours[3]);
  return _mm512_add_epi32(_mm512_shuffle_i32x4(low, high, 0x88), _mm512_shuffle_i32x4(low, high, 0xdd));
}

// As attend_one over 8 bits without making floats of them. Query and chances are whole numbers of 15 bits, a high byte
// and seven low bits, which the instruction multiplies one after the other: finer than bfloat16. `weights` has room for
// length + 16 floats and twice as many bytes.
template <int kDim>
static void attend_bytes(const float* query, const int8_t* keys, const int8_t* values, const float* key_scales,
                         const float* value_scales, int length, float scale, float* weights, float* out) {
  constexpr int kVecs = kDim / 64;
  alignas(64) int8_t parts[2][kDim];
  float most = 1e-12f;
  for (int d = 0; d < kDim; d++) most = std::fabs(query[d]) > most ? std::fabs(query[d]) : most;
  int32_t all = 0;
  for (int d = 0; d < kDim; d++) {
    const int32_t whole = (int32_t)std::nearbyint(query[d] * (16256.0f / most)), high = (whole + 64) >> 7;
    parts[0][d] = (int8_t)high, parts[1][d] = (int8_t)(whole - high * 128), all += whole;
  }
  scale *= most / 16256.0f;
  const __m512i flip = _mm512_set1_epi8((char)0x80);  // signed numbers and 128
  auto multiply_key = [&](int t) {
    __m512i sums = _mm512_setzero_si512(), key[kVecs];
    for (int n = 0; n < kVecs; n++) {
      key[n] = _mm512_xor_si512(_mm512_loadu_si512(keys + (int64_t)t * kDim + n * 64), flip);
      sums = _mm512_dpbusd_epi32(sums, key[n], _mm512_load_si512(parts[0] + n * 64));
    }
    sums = _mm512_slli_epi32(sums, 7);
    for (int n = 0; n < kVecs; n++) sums = _mm512_dpbusd_epi32(sums, key[n], _mm512_load_si512(parts[1] + n * 64));
    return sums;
  };
  int t = 0;
  for (; t + 16 <= length; t += 16) {
    __m512i sums[16];
#pragma GCC unroll 16
    for (int n = 0; n < 16; n++) sums[n] = multiply_key(t + n);
    __m512 whole = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum_each(sums), _mm512_set1_epi32(all * 128)));
    __m512 scales = _mm512_mul_ps(_mm512_loadu_ps(key_scales + t), _mm512_set1_ps(scale));
    _mm512_storeu_ps(weights + t, _mm512_mul_ps(whole, scales));
  }
  for (; t < length; t++) weights[t] = (_mm512_reduce_add_epi32(multiply_key(t)) - all * 128) * scale * key_scales[t];
  most = -INFINITY;
  for (t = 0; t < length; t++) most = weights[t] > most ? weights[t] : most;
  __m512 total = _mm512_setzero_ps(), top = _mm512_setzero_ps();
  for (t = 0; t < length; t += 16) {
    const __mmask16 mask = length - t >= 16 ? 0xffff : (__mmask16)((1u << (length - t)) - 1);
    __m512 chance = exponential(_mm512_sub_ps(_mm512_loadu_ps(weights + t), _mm512_set1_ps(most)));
    total = _mm512_mask_add_ps(total, mask, total, chance);
    chance = _mm512_mul_ps(_mm512_maskz_mov_ps(mask, chance), _mm512_maskz_loadu_ps(mask, value_scales + t));
    top = _mm512_max_ps(top, chance);
    _mm512_storeu_ps(weights + t, chance);
  }
  const float highest = std::fmax(_mm512_reduce_max_ps(top), 1e-30f);
  uint8_t *high = (uint8_t*)(weights + (length + 15) / 16 * 16), *low = high + (length + 15) / 16 * 16;
  for (t = 0; t < length; t += 16) {
    __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(weights + t), _mm512_set1_ps(32767.0f / highest)));
    _mm_storeu_si128((__m128i*)(high + t), _mm512_cvtepi32_epi8(_mm512_srli_epi32(whole, 7)));
    _mm_storeu_si128((__m128i*)(low + t), _mm512_cvtepi32_epi8(_mm512_and_si512(whole, _mm512_set1_epi32(127))));
  }
  __m512i sums[2][kVecs][4] = {};
  alignas(64) int8_t rest[4 * kDim] = {};
  for (t = 0; t < length; t += 4) {
    const int8_t* value = values + (int64_t)t * kDim;
    if (length - t < 4) value = (const int8_t*)std::memcpy(rest, value, (length - t) * kDim);
    const __m512i by_high = spread_word(high + t), by_low = spread_word(low + t);
#pragma GCC unroll 2
    for (int n = 0; n < kVecs; n++) {  // four tokens' bytes of a number side by side
      const int8_t* from = value + n * 64;
      __m512i a = _mm512_loadu_si512(from), b = _mm512_loadu_si512(from + kDim);
      __m512i c = _mm512_loadu_si512(from + 2 * kDim), d = _mm512_loadu_si512(from + 3 * kDim);
      __m512i ab[2] = {_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b)};
      __m512i cd[2] = {_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d)};
#pragma GCC unroll 4
      for (int q = 0; q < 4; q++) {
        __m512i all_four = q % 2 ? _mm512_unpackhi_epi16(ab[q / 2], cd[q / 2]) : _mm512_unpacklo_epi16(ab[q / 2], cd[q / 2]);
        sums[0][n][q] = _mm512_dpbusd_epi32(sums[0][n][q], by_high, all_four);
        sums[1][n][q] = _mm512_dpbusd_epi32(sums[1][n][q], by_low, all_four);
      }
    }
  }
  const __m512 factor = _mm512_set1_ps(highest / 32767.0f / _mm512_reduce_add_ps(total));
  for (int n = 0; n < kVecs; n++)
    for (int q = 0; q < 4; q++) {
      alignas(64) float numbers[16];
      __m512 whole = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[0][n][q]), _mm512_set1_ps(128.0f),
                                     _mm512_cvtepi32_ps(sums[1][n][q]));
      _mm512_store_ps(numbers, _mm512_mul_ps(whole, factor));
      // the unpacking went on within each quarter of the register
      for (int lane = 0; lane < 4; lane++) std::memcpy(out + n * 64 + lane * 16 + q * 4, numbers + lane * 4, 16);
    }
}
#endif

// One head of one token: `query`, then its key and value as they lie in a row of qkv (3, heads, dim). `weights`: room for
// twice the tokens and 64 more.
template <typename Number>
static void attend_row(const float* query, int heads, int dim, Number* keys, Number* values, float* key_scales,
                       float* value_scales, int at, float* weights, float* out) {
  put(keys + (int64_t)at * dim, key_scales ? key_scales + at : nullptr, query + heads * dim, dim);
  put(values + (int64_t)at * dim, value_scales ? value_scales + at : nullptr, query + 2 * heads * dim, dim);
  const float scale = 1.0f / std::sqrt((float)dim);
#ifdef __AVX512VNNI__
  if constexpr (sizeof(Number) == 1) {
    if (dim == 64)
      return attend_bytes<64>(query, keys, values, key_scales, value_scales, at + 1, scale, weights, out);
    if (dim == 128)
      return attend_bytes<128>(query, keys, values, key_scales, value_scales, at + 1, scale, weights, out);
  }
#endif
#define KEFU_CASE(size) \
  case size:            \
    return attend_one<size, Number>(query, keys, values, key_scales, value_scales, at + 1, scale, weights, out);
  switch (dim) {
    KEFU_CASE(16)
    KEFU_CASE(32)
    KEFU_CASE(64)
    KEFU_CASE(80)
    KEFU_CASE(128)
  }
#undef KEFU_CASE
}

#ifdef __AVX512F__

// What one thread needs for a piece of a prompt; grows and stays.
template <typename Kind>
struct PromptSpace {
  std::vector<typename Kind::In> query, chances, keys, values, low;
  std::vector<float> out, most, total, numbers;

  void fit(int rows, int dim) {
    const int wide = (dim + kPanel - 1) / kPanel * kPanel;
    auto grow = [](auto& space, size_t size) {
      if (space.size() < size) space.resize(size);
    };
    grow(query, (size_t)rows * dim), grow(out, (size_t)rows * wide), grow(most, rows), grow(total, rows);
    grow(chances, kTile * kPanel), grow(keys, kPanel * dim), grow(values, kPanel * wide), grow(low, kPanel * wide);
    grow(numbers, kTile * kPanel > wide ? kTile * kPanel : wide);
  }
};

// Rows of the cache as the model's numbers in low precision; those past the end are zeros.
template <typename Kind, typename Number>
static void read_block(PromptSpace<Kind>& space, const Number* from, const float* scales, int num, int dim, int wide) {
  for (int t = 0; t < kPanel; t++) {
    typename Kind::In* to = space.low.data() + t * wide;
    if (t >= num) {
      std::memset(to, 0, wide * sizeof *to);
      continue;
    }
    const float scale = scales ? scales[t] : 1.0f;
    for (int d = 0; d < dim; d++) space.numbers[d] = scale * (float)from[(int64_t)t * dim + d];
    to_low(to, space.numbers.data(), dim);
    for (int d = dim; d < wide; d++) to[d] = 0;
  }
}

// Keys (64, dim) as a panel whose columns are tokens: words of one group, turned over.
template <typename Kind>
static void pack_keys(PromptSpace<Kind>& space, int dim) {
  const uint32_t* from = (const uint32_t*)space.low.data();
  uint32_t* to = (uint32_t*)space.keys.data();
  const int words = dim / Kind::group;
  for (int w = 0; w < words; w++)
    for (int t = 0; t < kPanel; t++) to[w * kPanel + t] = from[t * words + w];
}

// Values (64, wide) as panels whose inputs are tokens.
template <typename Kind>
static void pack_values(PromptSpace<Kind>& space, int wide) {
  for (int panel = 0; panel < wide / kPanel; panel++)
    for (int t = 0; t < kPanel; t++)
      for (int d = 0; d < kPanel; d++)
        space.values[panel * kPanel * kPanel + (t / Kind::group * kPanel + d) * Kind::group + t % Kind::group] =
            space.low[t * wide + panel * kPanel + d];
}

// One head of `rows` tokens at `start` and after: all are stored, those from `wanted` on attend. Rows of qkv and of `out`
// are 3 x heads x dim and heads x dim apart.
template <typename Kind, typename Number>
static void attend_prompt(PromptSpace<Kind>& space, const float* qkv, int heads, int dim, int rows, int start,
                          int wanted, Number* keys, Number* values, float* key_scales, float* value_scales, float* out) {
  const int wide = (dim + kPanel - 1) / kPanel * kPanel;
  space.fit(rows, dim);
  const float scale = 1.0f / std::sqrt((float)dim);
  for (int r = 0; r < rows; r++) {
    const float* row = qkv + (int64_t)r * 3 * heads * dim;
    const int at = start + r;
    put(keys + (int64_t)at * dim, key_scales ? key_scales + at : nullptr, row + heads * dim, dim);
    put(values + (int64_t)at * dim, value_scales ? value_scales + at : nullptr, row + 2 * heads * dim, dim);
    for (int d = 0; d < dim; d++) space.numbers[d] = row[d] * scale;
    to_low(space.query.data() + (int64_t)r * dim, space.numbers.data(), dim);
    space.most[r] = -1e30f, space.total[r] = 0.0f;
  }
  std::memset(space.out.data(), 0, (size_t)rows * wide * sizeof(float));
  for (int begin = 0; begin < start + rows; begin += kPanel) {
    const int num = start + rows - begin < kPanel ? start + rows - begin : kPanel;
    read_block<Kind>(space, keys + (int64_t)begin * dim, key_scales ? key_scales + begin : nullptr, num, dim, dim);
    pack_keys<Kind>(space, dim);
    read_block<Kind>(space, values + (int64_t)begin * dim, value_scales ? value_scales + begin : nullptr, num, dim, wide);
    pack_values<Kind>(space, wide);
    int first = begin - start > wanted ? begin - start : wanted;  // rows before it see nothing of this block
    for (; first < rows; first += kTile) {
      const int tile = rows - first < kTile ? rows - first : kTile;
      multiply<Kind>(space.query.data() + (int64_t)first * dim, dim, tile, space.keys.data(), dim / Kind::group,
                     space.numbers.data());
      for (int r = 0; r < tile; r++) {
        float* scores = space.numbers.data() + r * kPanel;
        const int seen = start + first + r + 1 - begin;
        for (int t = seen; t < kPanel; t++) scores[t] = -1e30f;
        float most = space.most[first + r];
        for (int t = 0; t < kPanel; t++) most = scores[t] > most ? scores[t] : most;
        const float keep = exponential(space.most[first + r] - most);
        float total = 0.0f;
        for (int t = 0; t < kPanel; t++) {
          scores[t] = exponential(scores[t] - most);
          total += scores[t];
        }
        to_low(space.chances.data() + r * kPanel, scores, kPanel);
        space.total[first + r] = space.total[first + r] * keep + total;
        space.most[first + r] = most;
        float* sums = space.out.data() + (int64_t)(first + r) * wide;
        for (int d = 0; d < wide; d++) sums[d] *= keep;
      }
      for (int panel = 0; panel < wide / kPanel; panel++) {
        multiply<Kind>(space.chances.data(), kPanel, tile, space.values.data() + panel * kPanel * kPanel,
                       kPanel / Kind::group, space.numbers.data());
        for (int r = 0; r < tile; r++) {
          float* to = space.out.data() + (int64_t)(first + r) * wide + panel * kPanel;
          for (int d = 0; d < kPanel; d++) to[d] += space.numbers[r * kPanel + d];
        }
      }
    }
  }
  for (int r = wanted; r < rows; r++)
    for (int d = 0; d < dim; d++)
      out[(int64_t)r * heads * dim + d] = space.out[(int64_t)r * wide + d] / space.total[r];
}

#endif
