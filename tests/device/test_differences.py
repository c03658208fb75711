"""Each declared difference from MXNet: the line of code prints what is recorded."""

from __future__ import annotations

import contextlib
import io

import pytest

import clsym as mx
from clsym import cli
from clsym.differences import all_differences, describe

FOUND = all_differences()


@pytest.mark.parametrize("number", range(len(FOUND)), ids=lambda i: f"{FOUND[i].owner}-{i}")
def test_what_it_prints(ctx, number):
    """The recorded text of MXNet was printed by MXNet 1.9.1; ours must be another one."""
    difference = FOUND[number]
    assert difference.ours != difference.mxnet
    printed = io.StringIO()
    with ctx, contextlib.redirect_stdout(printed):
        exec(difference.code.replace("mx.cpu()", "ctx"), {"mx": mx, "ctx": ctx})
    assert printed.getvalue().strip() == difference.ours


def test_list(capsys):
    assert cli.main(["doctor", "--differences"]) == 0
    out = capsys.readouterr().out
    assert describe(FOUND) in out
    assert f"{len(FOUND)} known differences" in out
    assert len({(d.owner, d.title) for d in FOUND}) == len(FOUND) >= 30
