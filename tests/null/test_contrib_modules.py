"""mx.contrib's modules beside the operators: older names, words and their numbers."""

from collections import Counter

import pytest

import clsym as mx
from clsym.contrib.text import utils, vocab


def test_operators_by_their_older_modules() -> None:
    assert mx.contrib.nd is mx.nd.contrib and mx.contrib.sym is mx.sym.contrib
    assert mx.contrib.ndarray.MultiBoxPrior is mx.nd.contrib.MultiBoxPrior


def test_counts() -> None:
    counts = utils.count_tokens_from_str("A b\na  B", to_lower=True)
    assert counts == {"a": 2, "b": 2}
    assert utils.count_tokens_from_str("b--c", token_delim="-", counter_to_update=counts) is counts
    assert counts == {"a": 2, "b": 3, "c": 1}


def test_vocabulary() -> None:
    counter = Counter(["a", "b", "b", "c", "c", "c", "some_word$"])
    assert vocab.Vocabulary(counter).idx_to_token == ["<unk>", "c", "b", "a", "some_word$"]
    assert vocab.Vocabulary(counter, most_freq_count=2, reserved_tokens=["b"]).idx_to_token == ["<unk>", "b", "c", "a"]
    assert vocab.Vocabulary(counter, min_freq=2, unknown_token="<u>").token_to_idx == {"<u>": 0, "c": 1, "b": 2}
    assert len(vocab.Vocabulary()) == 1
    words = vocab.Vocabulary(counter)
    assert words.to_indices("zz") == 0 and words.to_tokens([1, 0]) == ["c", "<unk>"]
    for wrong in (-1, 100, [0, 99]):
        with pytest.raises(ValueError, match="is invalid"):
            words.to_tokens(wrong)
    for given in ({"min_freq": 0}, {"reserved_tokens": ["<unk>"]}, {"reserved_tokens": ["a", "a"]}):
        with pytest.raises(AssertionError):
            vocab.Vocabulary(counter, **given)
