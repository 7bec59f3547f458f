// GPT-2's whole forward pass in one call: one team of threads, phase after phase, so that nobody sleeps and is woken
// for each of the many small pieces that a step consists of. model_runner.py has the same in torch.

#pragma once

#ifdef __AVX512F__

#include <algorithm>
#include <atomic>

#include "attention.h"

struct Norm {
  const float *weight, *bias;
};

struct Layer {
  Norm norm_1, norm_2;
  Product qkv, out, up, down;
};

// The caches: (layers, slots, heads, context, dim), their scales without dim. Float where there are no scales.
struct Model {
  int32_t num_layers, width, heads, context, slots;
  float epsilon;
  const float *tokens, *places;
  Norm norm;
  Product head;
  const Layer* layers;
  void *keys, *values;
  float *key_scales, *value_scales;
};

// Rows `start` and after of a slot. The first `num_decoding` pieces are one token each.
struct Piece {
  int32_t slot, start, num;
};

constexpr int kSpins = 1000;  // some 20 microseconds

// Threads that share each phase's tasks, whoever is free the next one. A phase is over when its tasks are done, not when
// all have come: who has lost the core to another program holds up nobody, and runs through what it missed.
class Team {
 public:
  explicit Team(int phases) : next_(phases), done_(phases) {}

  template <typename Work>
  void share(int& phase, int num, Work work) {
    std::atomic<int>&next = next_[phase], &done = done_[phase];
    phase++;
    for (int task; (task = next.fetch_add(1, std::memory_order_relaxed)) < num;) {
      work(task);
      if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == num) done.notify_all();
    }
    // most waits are over sooner than a thread wakes up
    for (int spins = 0, now; (now = done.load(std::memory_order_acquire)) < num; spins++)
      spins < kSpins ? _mm_pause() : done.wait(now, std::memory_order_acquire);
  }

 private:
  std::vector<std::atomic<int>> next_, done_;
};

static inline void normalise(const float* row, const Norm& norm, float epsilon, int width, float* out) {
  float mean = 0.0f, square = 0.0f;
  for (int n = 0; n < width; n++) mean += row[n];
  mean /= width;
  for (int n = 0; n < width; n++) square += (row[n] - mean) * (row[n] - mean);
  const float scale = 1.0f / std::sqrt(square / width + epsilon);
  for (int n = 0; n < width; n++) out[n] = (row[n] - mean) * scale * norm.weight[n] + norm.bias[n];
}

static inline void to_low(uint8_t* to, const float* from, int num, float* scale) {
  float most = 1e-12f;
  for (int n = 0; n < num; n++) most = std::fabs(from[n]) > most ? std::fabs(from[n]) : most;
  *scale = most / 127.0f;
  const float times = 127.0f / most;
  for (int n = 0; n < num; n++) to[n] = (uint8_t)((int32_t)std::nearbyint(from[n] * times) + 128);
}

template <typename In>
static inline void to_low(In* to, const float* from, int num, float*) {
  to_low(to, from, num);
}

// What a step writes on its way; grows and stays.
template <typename Kind>
struct Space {
  std::vector<float> hidden, qkv, attended, inner, scales;
  std::vector<typename Kind::In> low;

  void fit(const Model& model, int rows) {
    const size_t numbers = (size_t)rows * model.width;
    if (hidden.size() >= numbers) return;
    hidden.resize(numbers), qkv.resize(3 * numbers), attended.resize(numbers), inner.resize(4 * numbers);
    low.resize(4 * numbers), scales.resize(rows);
  }
};

template <typename Kind>
struct AttentionKind {
  typedef Kind Type;
};
#ifdef __AVX512VNNI__
template <>
struct AttentionKind<Int8Kind> {
#ifdef __AVX512BF16__
  typedef Bf16Kind Type;
#else
  typedef FloatKind Type;
#endif
};
#endif

template <typename Kind, typename Number>
static void run_step(const Model& model, const int64_t* ids, const Piece* pieces, int num_decoding, int num_pieces,
                     float* logits, int threads) {
  typedef typename AttentionKind<Kind>::Type Attention;
  constexpr int kRowsOfTask = 8;
  const int width = model.width, heads = model.heads, dim = width / heads;
  std::vector<int> begins(num_pieces + 1);
  for (int n = 0; n < num_pieces; n++) begins[n + 1] = begins[n] + pieces[n].num;
  thread_local Space<Kind> own_space;
  Space<Kind>& space = own_space;  // the calling thread's, for all of the team
  space.fit(model, begins[num_pieces]);
  auto* low = space.low.data();
  const float* scales = space.scales.data();
  Team team(model.num_layers * 9 + 4);

#pragma omp parallel num_threads(threads)
  {
    int phase = 0, rows = begins[num_pieces];
    thread_local PromptSpace<Attention> prompt_space;
    thread_local std::vector<float> scratch;
    scratch.resize(std::max(4 * width, 2 * model.context + 64));

    auto each_row = [&](auto work) {
      team.share(phase, (rows + kRowsOfTask - 1) / kRowsOfTask, [&](int task) {
        const int end = std::min(rows, (task + 1) * kRowsOfTask);
        for (int row = task * kRowsOfTask; row < end; row++) work(row);
      });
    };
    auto prepare_norm = [&](const Norm& norm) {
      each_row([&](int row) {
        normalise(&space.hidden[(size_t)row * width], norm, model.epsilon, width, scratch.data());
        to_low(low + (size_t)row * width, scratch.data(), width, &space.scales[row]);
      });
    };
    auto prepare = [&](const std::vector<float>& numbers, int size) {
      each_row([&](int row) {
        to_low(low + (size_t)row * size, &numbers[(size_t)row * size], size, &space.scales[row]);
      });
    };
    auto keep_last_rows = [&](std::vector<float>& numbers) {
      for (int n = 0; n < num_pieces; n++)
        std::copy_n(&numbers[(size_t)(begins[n + 1] - 1) * width], width, &numbers[(size_t)n * width]);
    };
    auto attend = [&](int layer, int piece, int head) {
      const Piece& own = pieces[piece];
      const int64_t first = (((int64_t)layer * model.slots + own.slot) * heads + head) * model.context;
      Number *keys = (Number*)model.keys + first * dim, *values = (Number*)model.values + first * dim;
      float* key_scales = model.key_scales ? model.key_scales + first : nullptr;
      float* value_scales = model.value_scales ? model.value_scales + first : nullptr;
      const float* qkv = &space.qkv[(size_t)begins[piece] * 3 * width + head * dim];
      float* out = &space.attended[(size_t)begins[piece] * width + head * dim];
      if (piece < num_decoding)
        attend_row<Number>(qkv, heads, dim, keys, values, key_scales, value_scales, own.start, scratch.data(), out);
      else
        attend_prompt<Attention, Number>(prompt_space, qkv, heads, dim, own.num, own.start,
                                         layer == model.num_layers - 1 ? own.num - 1 : 0, keys, values, key_scales,
                                         value_scales, out);
    };

    each_row([&](int row) {
      const int piece = int(std::upper_bound(begins.begin(), begins.end(), row) - begins.begin()) - 1;
      const float* token = model.tokens + ids[row] * width;
      const float* place = model.places + (int64_t)(pieces[piece].start + row - begins[piece]) * width;
      for (int n = 0; n < width; n++) space.hidden[(size_t)row * width + n] = token[n] + place[n];
    });
    for (int layer = 0; layer < model.num_layers; layer++) {
      const Layer& own = model.layers[layer];
      prepare_norm(own.norm_1);
      team.share(phase, count_tasks(own.qkv, rows), [&](int task) {
        run_product<Kind>(own.qkv, low, scales, rows, space.qkv.data(), Then::kStore, task);
      });
      // the long ones first: nobody waits at the end for a whole prompt
      team.share(phase, num_pieces * heads, [&](int task) {
        attend(layer, num_pieces - 1 - task / heads, task % heads);
      });
      if (layer == model.num_layers - 1) {  // from here on only the rows of the logits are wanted
        team.share(phase, 2, [&](int task) { keep_last_rows(task ? space.hidden : space.attended); });
        rows = num_pieces;
      }
      prepare(space.attended, width);
      team.share(phase, count_tasks(own.out, rows), [&](int task) {
        run_product<Kind>(own.out, low, scales, rows, space.hidden.data(), Then::kAdd, task);
      });
      prepare_norm(own.norm_2);
      team.share(phase, count_tasks(own.up, rows), [&](int task) {
        run_product<Kind>(own.up, low, scales, rows, space.inner.data(), Then::kGelu, task);
      });
      prepare(space.inner, 4 * width);
      team.share(phase, count_tasks(own.down, rows), [&](int task) {
        run_product<Kind>(own.down, low, scales, rows, space.hidden.data(), Then::kAdd, task);
      });
    }
    prepare_norm(model.norm);
    team.share(phase, count_tasks(model.head, rows), [&](int task) {
      run_product<Kind>(model.head, low, scales, rows, logits, Then::kStore, task);
    });
  }
}
#endif
