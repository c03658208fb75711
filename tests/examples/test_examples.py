"""Each example learns what it is there to learn, on the first device of the session."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path

import numpy as np
import pytest

import clsym as mx

HERE = Path(__file__).parent


def run(name: str, *options: str) -> dict[str, float]:
    """The figures that an example's ``main`` returns."""
    chosen = os.environ.get("CLSYM_TEST", "").split(",")[0].strip()
    device = ["--device", chosen] if chosen else []
    return runpy.run_path(str(HERE / f"{name}.py"))["main"]([*options, *device])


def test_lenet_reads_digits(tmp_path):
    prefix = str(tmp_path / "lenet")
    figures = run("lenet", "--model-prefix", prefix)
    assert figures["accuracy"] >= 0.96
    assert figures["cross-entropy"] < 0.15
    assert (tmp_path / "lenet-0010.params").exists()
    assert (tmp_path / "lenet-symbol.json").exists()


def test_lstm_learns_a_poem():
    figures = run("char_lstm", "--buckets", "32", "48")
    assert figures["perplexity"] < 0.3 * figures["of frequencies alone"]


def test_perplexity_of_an_lstm_falls_as_mxnets():
    reference = HERE.parent / "reference"
    chosen = os.environ.get("CLSYM_TEST", "").split(",")[0].strip()
    found = runpy.run_path(str(reference / "record_char_lstm.py"))["curve"](mx, **({"context": mx.cl(chosen)} if chosen else {}))
    np.testing.assert_allclose(found, json.loads((reference / "char_lstm.json").read_text()), rtol=1e-3)


def test_factors_explain_ratings():
    figures = run("matrix_factorization", "--num-epochs", "12")
    assert figures["rmse"] < 0.25 * figures["spread"]


def test_detector_finds_shapes():
    figures = run("ssd_shapes")
    assert figures["recall"] > 0.8
    assert figures["precision"] > 0.8


def test_generator_draws_what_looks_like_digits():
    figures = run("gan_digits", "--num-epochs", "8")
    assert figures["after"] < 0.65 * figures["before"]
    assert 0.4 < figures["told apart"] < 0.9


@pytest.mark.parametrize("name", sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("test_")))
def test_options_are_explained(name, capsys):
    with pytest.raises(SystemExit) as end:
        run(name, "--help")
    assert end.value.code == 0
    assert "--device" in capsys.readouterr().out
