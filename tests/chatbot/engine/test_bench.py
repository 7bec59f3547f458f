"""The measuring command, as it is typed; one tiny checkpoint, real processes."""

import json
import subprocess
import sys

import pytest

from tests.tiny import make_checkpoint

KEYS = ["engine", "chats", "tokens_per_s", "ttft_p50_ms", "ttft_p95_ms", "latency_p95_ms", "rss_mb", "cpu_s"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("bench") / "tiny")


def bench(folder, tmp_path, *options):
    command = [sys.executable, "-m", "chatbot.engine.bench", "--model", str(folder), "--work", str(tmp_path)]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=240, check=False)


def test_each_engine_is_measured_at_each_number_of_chats_and_a_missing_package_is_named(folder, tmp_path):
    plot = tmp_path / "plot.svg"
    options = ["--chats", "1,3", "--rounds", "1", "--new-tokens", "4", "--threads", "1", "--json", "--plot", str(plot)]
    done = bench(folder, tmp_path, "--engines", "kefu,naive,openvino", *options)
    results = json.loads(done.stdout)
    assert [(result["engine"], result["chats"]) for result in results] == [
        (engine, chats) for chats in (1, 3) for engine in ("kefu", "naive")
    ]
    assert all(list(result) == KEYS and min(list(result.values())[1:]) > 0 for result in results)
    assert all(0 < result["ttft_p50_ms"] <= result["latency_p95_ms"] for result in results)
    assert "openvino: left out, the package openvino" in done.stderr
    assert plot.read_text().count("<rect") == 6  # a bar for each result, a square for each engine's name


def test_a_fifth_turn_is_timed_with_and_without_reuse(folder, tmp_path):
    done = bench(folder, tmp_path, "--fifth-turn", "--rounds", "1", "--threads", "1")
    assert set(json.loads(done.stdout)) == {"with_reuse_ms", "without_reuse_ms", "times_sooner"}


def test_short_requests_are_timed_beside_a_flood_of_long_ones(folder, tmp_path):
    times = json.loads(bench(folder, tmp_path, "--flood", "--rounds", "1", "--threads", "1").stdout)
    assert set(times) == {"alone_p50_ms", "short_p50_ms", "short_p95_ms", "long_p50_ms", "long_p95_ms"}
    assert (
        0 < times["short_p50_ms"] <= times["short_p95_ms"] < times["long_p95_ms"]
    )  # they don't wait for the long ones


def test_a_folder_without_weights_and_an_unknown_engine_are_named(folder, tmp_path):
    assert "has no model.safetensors" in bench(tmp_path, tmp_path, "--engines", "kefu").stderr
    assert "no engine is called 'fast'" in bench(folder, tmp_path, "--engines", "fast").stderr
