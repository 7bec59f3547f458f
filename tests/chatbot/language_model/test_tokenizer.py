import pytest
from transformers import AutoTokenizer

from chatbot.language_model.tokenizer import IncrementalDecoder, is_byte_level
from tests.chatbot.language_model.tiny import tiny_tokenizer

TEXTS = [
    "You can return an item within 30 days.\nShipping costs $4.50!",
    "包裹丢失后7天内可以申请退款，运费由我们承担。",
    "Order №12 已发货 🚚👍🏽 — thanks 👨‍👩‍👧!",
    "  two  spaces\tand a tab ",
]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_as_it_went_in(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_each_digit_is_one_token_the_same_everywhere(tokenizer):
    three, zero = tokenizer.convert_tokens_to_ids(["3", "0"])
    for text in ("30", "after 30 days", "共30天", "$30.30"):
        ids = tokenizer.encode(text)
        assert ids.count(three) == text.count("3")
        assert ids.count(zero) == text.count("0")


def test_a_saved_tokenizer_is_loaded_by_transformers(tokenizer, tmp_path):
    tokenizer.save_pretrained(str(tmp_path))
    loaded = AutoTokenizer.from_pretrained(str(tmp_path))
    assert loaded.encode(TEXTS[2]) == tokenizer.encode(TEXTS[2])
    assert loaded.eos_token == "<|endoftext|>"
    assert loaded.pad_token == "<|pad|>"
    assert is_byte_level(loaded)


@pytest.mark.parametrize("text", TEXTS)
def test_a_decoder_fed_at_any_split_never_shows_half_a_character(tokenizer, text):
    ids = tokenizer.encode(text)
    for split in range(len(ids) + 1):
        decoder = IncrementalDecoder(tokenizer)
        first = decoder.feed(ids[:split])
        assert "\ufffd" not in first
        assert text.startswith(first)
        assert first + decoder.feed(ids[split:]) + decoder.flush() == text


def test_a_decoder_fed_one_by_one_gives_the_text(tokenizer):
    decoder = IncrementalDecoder(tokenizer)
    pieces = [decoder.feed([token_id]) for token_id in tokenizer.encode(TEXTS[2])]
    assert "".join(pieces) + decoder.flush() == TEXTS[2]
    assert "" in pieces  # an emoji is several tokens: some of them give nothing yet


def test_an_unfinished_character_is_dropped_at_the_end_and_the_decoder_starts_anew(tokenizer):
    ids = tokenizer.encode("好🚚")
    decoder = IncrementalDecoder(tokenizer)
    assert decoder.feed(ids[:-1]) == "好"
    assert decoder.flush() == ""
    assert decoder.feed(tokenizer.encode("ok")) == "ok"


def test_special_tokens_give_no_text(tokenizer):
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert IncrementalDecoder(tokenizer).feed([end, *tokenizer.encode("ok"), end]) == "ok"


def test_a_tokenizer_that_is_not_byte_level_is_decoded_too():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"<unk>": 0, "▁hello": 1, "▁world": 2}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    decoder = IncrementalDecoder(tokenizer)
    assert not is_byte_level(tokenizer)
    assert decoder.feed([1]) + decoder.feed([2]) + decoder.flush() == "hello world"
