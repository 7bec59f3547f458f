import json
import math

import numpy as np
import pytest
import torch

from chatbot.language_model.checkpoints import load_checkpoint, save_checkpoint
from chatbot.training import fine_tuning, pretraining
from chatbot.training.datasets import DatasetError, Rows, read_records
from chatbot.training.evaluation import evaluate_model, numbers_of, word_overlap
from chatbot.training.initialisation import ModelSize, new_model, wire_first_weights
from chatbot.training.trainer import Trainer, TrainingPlan, language_model_loss
from tests.chatbot.language_model.tiny import SIZE, tiny_model, tiny_tokenizer
from tests.chatbot.training.data import write_data


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def random_rows(num_rows=16, length=12, vocabulary=300):
    ids = np.random.default_rng(0).integers(0, vocabulary, (num_rows, length + 1))
    return Rows(ids[:, :-1], ids[:, 1:])


def train(tokenizer, folder, plan, *, resume=False):
    losses = []
    trainer = Trainer(
        tiny_model(tokenizer),
        random_rows(),
        {"en": random_rows(4)},
        plan,
        folder,
        save_best=lambda model, best: save_checkpoint(model, tokenizer, best),
    )
    assert trainer.resume() is resume
    result = trainer.train(lambda progress: losses.append(progress.loss))
    return losses, result, {name: tensor.clone() for name, tensor in trainer._model.state_dict().items()}


def plan(steps, **changes):
    return TrainingPlan(
        batch_rows=4, max_steps=steps, warmup_steps=2, evaluate_every_steps=4, peak_learning_rate=5e-3, **changes
    )


def test_training_lowers_the_loss_and_repeats_by_seed(tokenizer, tmp_path):
    first = train(tokenizer, tmp_path / "a", plan(24))
    second = train(tokenizer, tmp_path / "b", plan(24))
    assert first[0] == second[0]
    assert first[0][-1] < first[0][0] - 0.1
    assert first[1].steps == 24
    assert first[1].tokens_seen == 24 * 4 * 12


def test_a_resumed_run_equals_an_unbroken_one(tokenizer, tmp_path, monkeypatch):
    whole, _, weights = train(tokenizer, tmp_path / "whole", plan(12))
    calls = []

    def stop_after_seven(self):
        calls.append(None)
        return 1.0 if len(calls) > 7 else self._step / 12

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_share_done", stop_after_seven)
        before, _, _ = train(tokenizer, tmp_path / "broken", plan(12))
    after, result, resumed = train(tokenizer, tmp_path / "broken", plan(12), resume=True)
    assert len(before) == 7
    assert before + after == whole
    assert result.steps == 12
    assert all(torch.equal(resumed[name], weights[name]) for name in weights)


def test_the_best_checkpoint_and_the_log_are_kept(tokenizer, tmp_path):
    _, result, _ = train(tokenizer, tmp_path, plan(24))
    assert load_checkpoint(str(tmp_path / "best")).model.config.n_layer == 2
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [entry["validation"]["en"] for entry in entries if "validation" in entry]
    assert len(losses) == 6
    assert result.best_validation_loss == min(losses)


def test_a_time_budget_ends_the_run(tokenizer, tmp_path):
    _, result, _ = train(tokenizer, tmp_path, TrainingPlan(batch_rows=4, max_minutes=0.01, evaluate_every_steps=1000))
    assert 0.6 <= result.elapsed_s < 30


def test_the_rate_rises_then_falls_to_its_floor():
    schedule = TrainingPlan(max_steps=100, warmup_steps=10, peak_learning_rate=1.0, final_learning_rate_share=0.2)
    assert schedule.learning_rate(0, 0.0) == pytest.approx(0.1)
    assert schedule.learning_rate(50, 0.5) == pytest.approx(0.6)
    assert schedule.learning_rate(99, 1.0) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="max_steps or max_minutes"):
        TrainingPlan()


def test_the_loss_is_that_of_the_whole_model_on_the_learned_tokens(tokenizer):
    model = tiny_model(tokenizer).eval()
    ids, labels = torch.from_numpy(random_rows(2).ids), torch.from_numpy(random_rows(2).labels)
    labels[:, ::2] = -100
    with torch.no_grad():
        loss, learned = language_model_loss(model, ids, labels)
        whole = torch.nn.functional.cross_entropy(model(ids).logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        shifted, _ = language_model_loss(model, ids, labels, offset=5)
        positions = torch.arange(5, 5 + ids.shape[1])[None].expand_as(ids)
        logits = model(ids, position_ids=positions, attention_mask=torch.ones_like(ids)).logits
        expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    assert learned == int((labels != -100).sum())
    assert float(loss) == pytest.approx(float(whole), abs=0.02)
    assert float(shifted) == pytest.approx(float(expected), abs=0.02)


def test_wired_first_weights_can_copy_before_any_training():
    vocabulary = 500
    model = new_model(
        ModelSize(num_layers=2, width=256, num_heads=8, num_positions=128),
        vocabulary_size=vocabulary,
        end_of_text_id=0,
        pad_id=1,
        seed=0,
    )
    stream = np.random.default_rng(0).integers(0, vocabulary, 20_000)
    half = torch.from_numpy(np.random.default_rng(1).permutation(vocabulary)[:40])[None]
    ids = torch.cat([half, half], dim=1)

    def share_copied():
        with torch.no_grad():
            predicted = model(ids).logits[0, 40:-1].argmax(1)
        return float((predicted == ids[0, 41:]).float().mean())

    assert share_copied() < 0.1
    wire_first_weights(model, stream, seed=0)
    assert share_copied() > 0.5


def test_pretraining_then_fine_tuning_then_evaluation_run_on_any_folder(tokenizer, tmp_path):
    records = read_records(write_data(tmp_path / "data"), exclude=["safety"])
    formatted = load_format(tokenizer)
    data = pretraining.prepare(formatted, records, row_length=32, max_tokens=4000, num_held_out=2, seed=1)
    assert set(data.validation) == {"en", "zh"}
    run = tmp_path / "pre"
    result = pretraining.pretrain(tokenizer, data, plan(4), run, size=SIZE, is_wired=False)
    assert all(math.isfinite(loss) for loss in result.validation_losses.values())

    checkpoint = load_checkpoint(str(run / "best"))
    tuning = fine_tuning.prepare(formatted, records, row_length=96, num_epochs=2, num_held_out=2, seed=1)
    assert 0 < tuning.num_tokens_to_learn < tuning.rows.ids.size
    fine_tuning.fine_tune(checkpoint, tuning, plan(4), tmp_path / "tuned")

    tuned = load_checkpoint(str(tmp_path / "tuned" / "best"))
    scores, samples = evaluate_model(tuned, records, num_held_out=2, max_per_kind=2)
    assert scores.version.startswith("best-")
    assert set(scores.task_perplexity) == set(scores.text_perplexity) == {"en", "zh"}
    assert scores.replies["en"].num_replies == 2
    assert 0 <= scores.replies["zh"].numbers_supported <= 1
    assert {sample.kind for sample in samples} == {"reply", "rewrite", "near_miss", "copy"}


def test_resuming_without_a_state_says_what_to_do(tokenizer, tmp_path):
    records = read_records(write_data(tmp_path / "data"), exclude=["safety"])
    data = pretraining.prepare(load_format(tokenizer), records, row_length=32, max_tokens=2000, num_held_out=2, seed=1)
    with pytest.raises(DatasetError, match="without --resume"):
        pretraining.pretrain(tokenizer, data, plan(2), tmp_path / "none", size=SIZE, is_wired=False, resume=True)


def test_an_epoch_repeats_by_seed_and_differs_by_seed(tokenizer, tmp_path):
    records = read_records(write_data(tmp_path / "data"), exclude=["safety"])
    formatted = load_format(tokenizer)
    first = fine_tuning.epoch_examples(formatted, records, seed=1)
    assert first == fine_tuning.epoch_examples(formatted, records, seed=1)
    assert first != fine_tuning.epoch_examples(formatted, records, seed=2)


def test_numbers_and_words_are_compared_as_written():
    assert numbers_of("£1,000 within 14 days by 9:30, or 4.50.") == {"1000", "14", "9:30", "4.50"}
    assert word_overlap("退款5天", "退款要5天") == pytest.approx(8 / 9)
    assert word_overlap("", "x") == 0


def load_format(tokenizer):
    from chatbot.language_model.prompt_format import SpecialTokenFormat

    return SpecialTokenFormat(tokenizer)
