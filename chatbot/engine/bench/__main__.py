"""The command: starts a process for each engine, alternates between them round by round, prints medians.

Run: `python -m chatbot.engine.bench --engines kefu,naive --model FOLDER --chats 1,8,32 --json`. `--model
gpt2-124m-random` makes a GPT-2 124M of random weights. `--peer-python` names the interpreter of an environment with
openvino-genai, optimum-intel or ctranslate2, if they are not in this one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatbot.engine.bench.fifth_turn import time_fifth_turn
from chatbot.engine.bench.flood import time_flood
from chatbot.engine.bench.models import find_model
from chatbot.engine.bench.peers import ENGINES
from chatbot.engine.bench.plot import write_plot
from chatbot.engine.bench.workload import Measurement, median_of

_OWN_PACKAGES = ("kefu", "kefu-float", "kefu-int8", "naive", "padded", "transformers")


class Child:
    """A process with one engine. `left_out` says why there is none."""

    def __init__(self, name: str, python: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "chatbot.engine.bench.child", name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("KEFU_BENCH_VERBOSE") else subprocess.DEVNULL,
            text=True,
            # spinning threads would take the cores from whoever is measured next
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        self.left_out = self._read().get("left_out", "")

    def measure(self, chats: int, seed: str, new_tokens: int) -> Measurement | None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"chats": chats, "seed": seed, "new_tokens": new_tokens}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self.left_out = answer.get("left_out", "")
        return None if self.left_out else Measurement(**answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            return {"left_out": f"its process ended with status {self._process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    options = _parse()
    options.work.mkdir(parents=True, exist_ok=True)
    folder = find_model(options.model, options.work)
    if options.fifth_turn:
        _write(json.dumps(time_fifth_turn(folder, num_threads=options.threads, rounds=options.rounds)))
        return
    if options.flood:
        _write(json.dumps(time_flood(folder, num_threads=options.threads, rounds=options.rounds)))
        return
    results = _measure_all(options, folder)
    if options.plot:
        write_plot(results, options.plot, title=f"{folder.resolve().name}, {options.threads} threads")
    _write(json.dumps([asdict(result) for result in results], indent=1) if options.json else _table(results))


def _measure_all(options: argparse.Namespace, folder: Path) -> list[Measurement]:
    children = []
    try:
        for name in options.engines:
            python = sys.executable if name in _OWN_PACKAGES else options.peer_python
            child = Child(name, python, [str(folder), str(options.work), str(options.threads)])
            children.append(child)
            _tell(f"{name}: {'left out, ' + child.left_out if child.left_out else 'ready'}")
        return [median_of(rounds) for rounds in _alternate(children, options) if rounds]
    finally:
        for child in children:
            child.stop()


def _alternate(children: Sequence[Child], options: argparse.Namespace) -> list[list[Measurement]]:
    """Every engine once, in turn, then again: what else the machine does falls on all alike."""
    found: dict[tuple[int, str], list[Measurement]] = defaultdict(list)
    for chats in options.chats:
        for number in range(options.rounds):
            for child in children:
                if not child.left_out and (one := child.measure(chats, str(number), options.new_tokens)):
                    found[chats, child.name].append(one)
                    _tell(f"{chats} chats, round {number + 1}, {child.name}: {one.tokens_per_s} tokens/s")
                elif child.left_out and number == 0:
                    _tell(f"{child.name}: left out at {chats} chats, {child.left_out}")
    return list(found.values())


def _table(results: Sequence[Measurement]) -> str:
    columns = list(asdict(results[0])) if results else []
    rows = [columns, *([str(value) for value in asdict(result).values()] for result in results)]
    return "\n".join("  ".join(cell.rjust(14) for cell in row) for row in rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatbot.engine.bench", description=__doc__.split("\n")[0])
    parser.add_argument("--engines", type=_names, default=list(ENGINES), help=f"of {','.join(ENGINES)}")
    parser.add_argument("--model", required=True, help="a Hugging Face folder, or gpt2-124m-random")
    parser.add_argument("--chats", type=_numbers, default=[1, 8, 32], help="how many arrive at once, such as 1,8,32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of every engine")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path, help="an SVG file to write")
    parser.add_argument("--fifth-turn", action="store_true", help="a fifth turn's first token, with and without reuse")
    parser.add_argument("--flood", action="store_true", help="how long short requests wait beside many long ones")
    parser.add_argument("--peer-python", default=sys.executable, help="of the environment with the peers' packages")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kefu-bench")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no engine is called {unknown[0]!r}; there are {', '.join(ENGINES)}")
    return names


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError("at least one chat")
    return numbers


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
