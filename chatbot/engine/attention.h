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

// One head of one token: `query`, then its key and value as they lie in a row of qkv (3, heads, dim).
template <typename Number>
static void attend_row(const float* query, int heads, int dim, Number* keys, Number* values, float* key_scales,
                       float* value_scales, int at, float* weights, float* out) {
  put(keys + (int64_t)at * dim, key_scales ? key_scales + at : nullptr, query + heads * dim, dim);
  put(values + (int64_t)at * dim, value_scales ? value_scales + at : nullptr, query + 2 * heads * dim, dim);
  const float scale = 1.0f / std::sqrt((float)dim);
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

// One head of `rows` tokens at `start` and after. Rows of qkv and of `out` are 3 x heads x dim and heads x dim apart.
template <typename Kind, typename Number>
static void attend_prompt(PromptSpace<Kind>& space, const float* qkv, int heads, int dim, int rows, int start,
                          Number* keys, Number* values, float* key_scales, float* value_scales, float* out) {
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
    int first = begin > start ? begin - start : 0;  // rows before it see nothing of this block
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
  for (int r = 0; r < rows; r++)
    for (int d = 0; d < dim; d++)
      out[(int64_t)r * heads * dim + d] = space.out[(int64_t)r * wide + d] / space.total[r];
}

#endif
