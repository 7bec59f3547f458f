"""One engine in a process of its own: `python -m chatbot.engine.bench.child NAME FOLDER WORK THREADS`.

A line of JSON on standard input asks for a round ({"chats", "seed", "new_tokens"}), a line on standard output answers
with its measurement. The first line says that the engine is loaded, or why it is left out. What libraries print goes
to standard error.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatbot.engine.bench.peers import ENGINES, Setting
from chatbot.engine.bench.workload import make_prompts, measure

_WARM_UP_TOKENS = 4


def main(name: str, folder: str, work: str, num_threads: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    setting = Setting(Path(folder), Path(work), int(num_threads))
    try:
        engine = ENGINES[name](setting)
        engine.run(make_prompts(setting.folder, 2, seed="warm-up"), _WARM_UP_TOKENS)
    except ModuleNotFoundError as error:
        _say(answers, {"left_out": f"the package {error.name} is not installed"})
        return
    except Exception as error:  # a peer's converter or runtime, of whatever class
        _say(answers, {"left_out": f"{type(error).__name__}: {str(error)[:300]}"})
        return
    _say(answers, {"ready": True})
    for line in sys.stdin:
        ask = json.loads(line)
        prompts = make_prompts(setting.folder, ask["chats"], ask["seed"])
        try:
            _say(answers, asdict(measure(name, engine, prompts, ask["new_tokens"])))
        except Exception as error:
            _say(answers, {"left_out": f"{type(error).__name__}: {str(error)[:300]}"})
            return


def _say(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # some peers' threads would keep the process
