"""Every engine behind the one interface of `workload.BenchEngine`: ours and those that it is measured beside.

A peer's package is imported by name when its engine is made, because none of them is a requirement; a missing one
raises ModuleNotFoundError, which the caller turns into "left out". What a peer needs converted is kept under `work`.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from chatbot.engine.bench.workload import BenchEngine, Timing

_NUM_NAIVE = 4  # so many requests are timed one after another; more would only repeat them
_MAX_CHATS = 64
_CACHE_GB = 4


@dataclass(frozen=True)
class Setting:
    """What an engine is made from. `work`: a folder for converted models."""

    folder: Path
    work: Path
    num_threads: int


@dataclass
class _Stopwatch:
    """Seconds since all requests arrived, per request: its first token, its last, how many."""

    num: int
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self._first = [0.0] * self.num
        self._last = [0.0] * self.num
        self._count = [0] * self.num

    def note(self, index: int, num_tokens: int = 1) -> None:
        now = time.perf_counter() - self.started
        if not self._count[index]:
            self._first[index] = now
        self._last[index] = now
        self._count[index] += num_tokens

    def note_step(self, indices: Sequence[int], _tokens: object) -> None:
        for index in indices:
            self.note(index)

    def timings(self) -> list[Timing]:
        return [Timing(*row) for row in zip(self._first, self._last, self._count, strict=True)]


class KefuEngine:
    """This package's engine, no cache kept between rounds."""

    def __init__(self, setting: Setting, **options: Any) -> None:
        from chatbot.engine import Engine
        from chatbot.engine.bench.models import read_model

        shape, state = read_model(setting.folder)
        self.engine = Engine(
            shape, state, num_threads=setting.num_threads, max_batch_size=32, max_waiting=_MAX_CHATS, **options
        )
        self.engine.start()

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        from chatbot.engine import SamplingParams

        watch = _Stopwatch(len(prompts))
        requests = [self.engine.add_request(prompt, SamplingParams(max_new_tokens=num_new)) for prompt in prompts]

        def follow(index: int) -> None:
            for _token in requests[index]:
                watch.note(index)

        _in_threads(follow, len(prompts))
        return watch.timings()


class NaiveEngine:
    """transformers' `generate`, one request after the other: what tutorials do.

    The first four are timed; the others, which would wait for as long as those before them take, are reckoned from
    their mean.
    """

    def __init__(self, setting: Setting) -> None:
        self._model = _transformers_model(setting)

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        watch = _Stopwatch(len(prompts))
        for index, prompt in enumerate(prompts[:_NUM_NAIVE]):
            _generate(self._model, [prompt], num_new, partial(watch.note_step, [index]))
        done = watch.timings()[:_NUM_NAIVE]
        each_s = done[-1].last_s / len(done)
        first_s = sum(timing.first_s for timing in done) / len(done) - each_s * (len(done) - 1) / 2
        later = range(len(done), len(prompts))
        return done + [Timing(each_s * n + first_s, each_s * (n + 1), num_new) for n in later]


class PaddedEngine:
    """transformers' `generate` over all requests at once, shorter prompts padded on the left."""

    def __init__(self, setting: Setting) -> None:
        self._model = _transformers_model(setting)

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        watch = _Stopwatch(len(prompts))
        _generate(self._model, prompts, num_new, partial(watch.note_step, range(len(prompts))))
        return watch.timings()


class TransformersEngine:
    """transformers' continuous batching, its memory bounded (unset, it takes most of the machine's)."""

    def __init__(self, setting: Setting) -> None:
        transformers = import_module("transformers")
        self._model = _transformers_model(setting)
        self._config = transformers.ContinuousBatchingConfig(num_blocks=256, page_size=64, max_batch_tokens=512)
        self._generation = transformers.GenerationConfig

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        generation = self._generation(max_new_tokens=num_new, do_sample=False, eos_token_id=-1, pad_token_id=0)
        manager = self._model.init_continuous_batching(generation, continuous_batching_config=self._config)
        manager.start()
        watch = _Stopwatch(len(prompts))
        try:
            for index, prompt in enumerate(prompts):
                manager.add_request(list(prompt), request_id=str(index), max_new_tokens=num_new, streaming=True)
            counts = [0] * len(prompts)
            while any(count < num_new for count in counts):
                output = manager.get_result(timeout=120)
                if output is None or output.error:
                    raise RuntimeError(f"transformers' batching stopped: {getattr(output, 'error', 'no answer')}")
                index, num = int(output.request_id), len(output.generated_tokens)
                if num > counts[index]:
                    watch.note(index, num - counts[index])
                    counts[index] = num
        finally:
            manager.stop(block=True)
        return watch.timings()


class OpenVinoEngine:
    """OpenVINO GenAI's continuous batching in its own default precisions; int8: weights compressed by its exporter."""

    def __init__(self, setting: Setting, *, is_int8: bool = False) -> None:
        genai, openvino = import_module("openvino_genai"), import_module("openvino")
        folder = _converted(setting, "openvino-int8" if is_int8 else "openvino", _to_openvino(is_int8))
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = _CACHE_GB
        scheduler.enable_prefix_caching = False
        self._tensor, self._numpy, self._genai = openvino.Tensor, import_module("numpy"), genai
        self._pipeline = genai.ContinuousBatchingPipeline(
            folder, scheduler, "CPU", {"INFERENCE_NUM_THREADS": setting.num_threads}
        )

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        config = self._genai.GenerationConfig(max_new_tokens=num_new, do_sample=False, ignore_eos=True)
        watch = _Stopwatch(len(prompts))
        handles = [
            self._pipeline.add_request(index, self._tensor(self._numpy.array([prompt], dtype="int64")), config)
            for index, prompt in enumerate(prompts)
        ]
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            for index, handle in enumerate(handles):
                while handle.can_read():
                    for output in handle.read().values():
                        watch.note(index, len(output.generated_ids))
        return watch.timings()


class CTranslate2Engine:
    """CTranslate2 with int8 weights: one batch of what has arrived; nobody joins it later."""

    def __init__(self, setting: Setting) -> None:
        ctranslate2 = import_module("ctranslate2")
        folder = _converted(setting, "ctranslate2", _to_ctranslate2)
        self._generator = ctranslate2.Generator(
            str(folder), device="cpu", compute_type="int8", intra_threads=setting.num_threads
        )
        self._names = json.loads((folder / "vocabulary.json").read_text())

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]:
        watch = _Stopwatch(len(prompts))

        def note(step: Any) -> bool:
            watch.note(step.batch_id)
            return False  # True would end the generation

        self._generator.generate_batch(
            [[self._names[token_id] for token_id in prompt] for prompt in prompts],
            max_length=num_new,
            min_length=num_new,
            sampling_topk=1,
            end_token=[],
            include_prompt_in_result=False,
            callback=note,
        )
        return watch.timings()


ENGINES: dict[str, Callable[[Setting], BenchEngine]] = {
    "kefu": lambda setting: KefuEngine(
        setting, weights="auto", cache="auto"
    ),  # what the site does unless told otherwise
    "kefu-float": lambda setting: KefuEngine(setting, weights="float", cache="float"),
    "kefu-int8": lambda setting: KefuEngine(setting, weights="int8", cache="auto"),
    "naive": NaiveEngine,
    "padded": PaddedEngine,
    "transformers": TransformersEngine,
    "openvino": OpenVinoEngine,
    "openvino-int8": lambda setting: OpenVinoEngine(setting, is_int8=True),
    "ctranslate2": CTranslate2Engine,
}


def _in_threads(work: Callable[[int], None], num: int) -> None:
    threads = [threading.Thread(target=work, args=(index,)) for index in range(num)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _transformers_model(setting: Setting) -> Any:
    transformers, torch = import_module("transformers"), import_module("torch")
    torch.set_num_threads(setting.num_threads)
    model = transformers.GPT2LMHeadModel.from_pretrained(str(setting.folder), dtype=torch.float32)
    return model.train(False)


class _Streamer:
    """What `generate` hands its tokens to; the first call brings the prompt."""

    def __init__(self, note: Callable[[Any], None]) -> None:
        self._note, self._has_prompt = note, False

    def put(self, tokens: Any) -> None:
        if self._has_prompt:
            self._note(tokens)
        self._has_prompt = True

    def end(self) -> None:
        pass


def _generate(model: Any, prompts: Sequence[Sequence[int]], num_new: int, note: Callable[[Any], None]) -> None:
    torch = import_module("torch")
    longest = max(map(len, prompts))
    model.generate(
        torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]),
        attention_mask=torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]),
        max_new_tokens=num_new,
        min_new_tokens=num_new,
        do_sample=False,
        pad_token_id=0,
        streamer=_Streamer(note),
    )


def _converted(setting: Setting, name: str, convert: Callable[[Path, Path], None]) -> Path:
    """The model in a peer's own format, made once; a conversion that failed half-way leaves nothing."""
    target = setting.work / f"{setting.folder.resolve().name}-{name}"
    if not target.is_dir():
        draft = target.with_name(f"{target.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        convert(setting.folder, draft)
        draft.rename(target)
    return target


def _to_openvino(is_int8: bool) -> Callable[[Path, Path], None]:
    def convert(folder: Path, target: Path) -> None:
        exporter = import_module("optimum.intel").OVModelForCausalLM
        exporter.from_pretrained(str(folder), export=True, compile=False, load_in_8bit=is_int8).save_pretrained(target)
        _write_openvino_tokenizer(target)

    return convert


def _write_openvino_tokenizer(target: Path) -> None:
    """The pipeline insists on a tokenizer, though it is given ids: any will do."""
    transformers, tokenizers = import_module("transformers"), import_module("tokenizers")
    plain = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = tokenizers.decoders.ByteLevel()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="b")
    convert = import_module("openvino_tokenizers").convert_tokenizer
    encoder, decoder = convert(wrapped, with_detokenizer=True)
    save = import_module("openvino").save_model
    save(encoder, target / "openvino_tokenizer.xml")
    save(decoder, target / "openvino_detokenizer.xml")


def _to_ctranslate2(folder: Path, target: Path) -> None:
    import_module("ctranslate2").converters.TransformersConverter(str(folder)).convert(str(target))
    described = target / "config.json"  # which it can't read back where a tokenizer lacks one of the special tokens
    names = json.loads(described.read_text())
    described.write_text(
        json.dumps({name: "" if value is None and name.endswith("_token") else value for name, value in names.items()})
    )
