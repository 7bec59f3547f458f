"""Text from a checkpoint on the engine: stop strings that lie across tokens, and a model replaced while turns run."""

import copy
import random
import threading
import time
from typing import NamedTuple

import pytest

from chatbot.engine import EngineError
from chatbot.language_model.backends import get_generator, set_generator, start_local_generator
from chatbot.language_model.checkpoints import save_checkpoint
from tests.chatbot.language_model.tiny import tiny_model, tiny_tokenizer
from tests.workers.test_supervisor import wait_until

PROMPTS = [[20 + n, 30, 40 + n] for n in range(8)]


class Format(NamedTuple):
    """What generating reads of a prompt's format."""

    stop_token_ids: frozenset[int]
    stop_strings: tuple[str, ...]


class Exploding:
    """A grammar that can't say what comes next."""

    start = ""

    def next_states(self, state):
        raise RuntimeError("grammar")

    def may_end(self, state):
        return False


def make_folder(folder, seed):
    tokenizer = tiny_tokenizer()
    save_checkpoint(tiny_model(tokenizer, seed=seed), tokenizer, folder)
    return str(folder)


@pytest.fixture
def folders(tmp_path):
    yield [make_folder(tmp_path / f"model-{seed}", seed) for seed in (1, 2)]
    set_generator(None)


def text_of(generator, n):
    return "".join(generator.generate(PROMPTS[n], max_new_tokens=24, temperature=3.0, seed=n))


def texts(generator):
    return [text_of(generator, n) for n in range(len(PROMPTS))]


def texts_by_version(folders):
    generators = [start_local_generator(folder, num_threads=1) for folder in folders]
    return {generator.version: texts(generator) for generator in generators}


def replace_while_they_ask(replace, folders, customer, is_over, *, num_swaps):
    """Six threads run `customer(seed)`, which ask until `is_over`, while one model takes the other's place."""
    replace(folders[0])
    customers = [threading.Thread(target=customer, args=(seed,)) for seed in range(6)]
    for thread in customers:
        thread.start()
    for number in range(1, num_swaps + 1):
        time.sleep(0.15)
        replace(folders[number % 2])
    is_over.set()
    for thread in customers:
        thread.join()


def test_a_stop_string_ends_the_text_before_it_even_across_tokens(folders):
    generator = start_local_generator(folders[0], num_threads=1)
    whole = texts(generator)
    stops = {text: text[at : at + 5] for text in whole for at in [len(text) // 2] if len(text) > 12}
    assert stops
    for n, text in enumerate(whole):
        if stop := stops.get(text):
            generator.prompt_format = Format(generator.prompt_format.stop_token_ids, (stop,))
            assert text_of(generator, n) == text[: text.find(stop)]


def test_turns_under_way_end_with_the_model_they_began_with_when_it_is_replaced(folders):
    expected = texts_by_version(folders)
    assert len({text for each in expected.values() for text in each}) > len(PROMPTS)
    wrong, seen, is_over = [], set(), threading.Event()

    def customer(seed):
        chance = random.Random(seed)
        while not is_over.is_set():
            mine, n = get_generator(), chance.randrange(len(PROMPTS))
            time.sleep(chance.uniform(0, 0.01))  # a turn thinks before it generates
            text = text_of(mine, n)
            seen.add(mine.version)
            if text != expected[mine.version][n]:
                wrong.append((mine.version, n, text))
            del mine

    engines = []

    def replace(folder):
        generator = start_local_generator(folder, num_threads=1)
        engines.append(generator.engine)
        set_generator(generator)

    replace_while_they_ask(replace, folders, customer, is_over, num_swaps=6)
    assert wrong == []
    assert len(seen) == 2
    assert [engine.is_alive for engine in engines] == [False] * 6 + [True]
    assert all(engine.stats().num_active == 0 for engine in engines)


def test_whatever_customers_do_while_the_model_is_replaced_each_gets_its_models_text_and_nothing_stays(folders):
    """Stop strings, readers who leave, deadlines, raising grammars and prompts that don't fit, beside hot swaps."""
    expected = texts_by_version(folders)
    wrong, requests, engines, is_over = [], [], [], threading.Event()

    def ask(mine, chance):
        n, kind = chance.randrange(len(PROMPTS)), chance.choice(["plain", "stop", "leaves", "late", "explodes", "long"])
        right = expected[mine.version][n]
        own = copy.copy(mine)  # the engine lives as long as `mine` does
        if kind == "stop" and right:
            at = chance.randrange(len(right))
            stop = right[at : at + chance.randint(1, 6)]
            own.prompt_format = Format(mine.prompt_format.stop_token_ids, (stop, "never said"))
            right = right[: right.find(stop)]
        pieces = own.generate(
            PROMPTS[n] * (200 if kind == "long" else 1),
            **{"max_new_tokens": 24, "temperature": 3.0, "seed": n},
            timeout_s=chance.uniform(0.001, 0.02) if kind == "late" else None,
            grammar=Exploding() if kind == "explodes" else None,
        )
        try:
            if kind == "leaves":
                text = next(pieces, "")
                pieces.close()
            else:
                text = "".join(pieces)
        except (EngineError, ValueError):
            return kind in ("explodes", "long")
        return right.startswith(text) if kind in ("leaves", "late", "explodes") else text == right

    def customer(seed):
        chance = random.Random(seed)
        while not is_over.is_set():
            mine = get_generator()
            if not ask(mine, chance):
                wrong.append(mine.version)
            del mine

    def replace(folder):
        generator = start_local_generator(folder, num_threads=1)
        engine = generator.engine
        add = engine.add_request
        engine.add_request = lambda *given: requests.append(add(*given)) or requests[-1]
        engines.append(engine)
        set_generator(generator)

    replace_while_they_ask(replace, folders, customer, is_over, num_swaps=8)
    assert wrong == []
    assert len(requests) > 100
    assert all(request.is_terminal for request in requests)
    for request in requests:
        left = [request._events.get() for _ in range(request._events.qsize())]
        assert sum(not isinstance(event, int) for event in left) <= 1  # one end, or it was read
    assert [engine.is_alive for engine in engines] == [False] * 8 + [True]
    wait_until(lambda: all((e.stats().num_active, e.stats().num_waiting) == (0, 0) for e in engines))
