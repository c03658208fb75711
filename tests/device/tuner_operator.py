"""An operator with good and bad candidates, for `test_tuner.py`: imported by the test and by the process that measures."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace

from clsym.base import MXNetError
from clsym.graph.contract.kernel_call import KernelCall, LowerContext
from clsym.graph.contract.op import Op
from clsym.graph.contract.registry import find_op, register
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.contract.tuning import tunable, tuned
from clsym.params import Params

NAME = "_tuner_test"
SLOW, FAST, WRONG, CRASHES, HANGS, DOES_NOT_BUILD, NOT_ALLOWED, NOT_LOWERED = range(8)
PARENT = "TUNER_TEST_PARENT"
"""Environment variable with the id of the process that must survive."""

tunable(NAME, {"way": range(8)}, allowed=lambda traits, numbers: numbers["way"] != NOT_ALLOWED)


@register
class TunerTest(Op):
    """``data + 1``, in one of several ways."""

    name = NAME
    hidden = True

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        way = tuned(ctx.traits, NAME, "any", {"way": SLOW})["way"]
        if os.environ.get(PARENT) != str(os.getpid()):
            if way == CRASHES:
                os._exit(7)
            if way == HANGS:
                time.sleep(600)
        if way == NOT_ALLOWED:
            os._exit(8)
        if way == NOT_LOWERED:
            raise MXNetError("this way is for other shapes")
        add = find_op("_plus_scalar")
        calls = list(add.lower(add.parse({"scalar": 2.0 if way == WRONG else 1.0}), ins, outs, ctx))
        if way == DOES_NOT_BUILD:
            return [replace(calls[0], source="tuner_test_that_does_not_exist.cl")]
        # launches that differ, so that each way is tried
        return calls * {SLOW: 12, FAST: 1, WRONG: 2, CRASHES: 3, HANGS: 4}[way]
