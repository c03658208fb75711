"""What was checked of which operator, by which test file: collected while the tests run, from all processes of a run.

`check_op` of the harness notes every operator that it compares with a reference, and every one whose gradient it compares; a test with
a comparison of its own says so with `checked`. At the end of a whole run an operator without a check of its forward, or with a gradient
and without a check of that, fails the run (`tests/conftest.py`). ``tools/coverage.py`` prints what the last run found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

__all__ = ["checked", "missing", "notes"]

Notes = dict[str, dict[str, list[str]]]
_notes: dict[str, dict[str, set[str]]] = {}


def checked(op_name: str, forward: bool = True, gradient: bool = False) -> None:
    """Note that the test that runs compares an operator's outputs, or its gradients, with a reference."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").split("::")[0]
    kinds = _notes.setdefault(op_name, {"forward": set(), "gradient": set()})
    for kind, wanted in (("forward", forward), ("gradient", gradient)):
        if wanted:
            kinds[kind].add(test)


def notes(others: Iterable[Mapping[str, Mapping[str, Iterable[str]]]] = ()) -> Notes:
    """What was noted in this process and in others, as plain data."""
    merged: dict[str, dict[str, set[str]]] = {}
    for part in (_notes, *others):
        for name, kinds in part.items():
            for kind, tests in kinds.items():
                merged.setdefault(name, {"forward": set(), "gradient": set()})[kind].update(tests)
    return {name: {kind: sorted(tests) for kind, tests in kinds.items()} for name, kinds in sorted(merged.items())}


def missing(found: Notes) -> list[str]:
    """Sentences about the operators that users can call and that no test checked."""
    import clsym.ops  # noqa: F401
    from clsym.graph.contract.op import Op
    from clsym.graph.contract.registry import all_ops

    problems = []
    for name, op in sorted(all_ops().items()):
        if op.hidden or name in EXEMPT:
            continue
        kinds = found.get(name, {"forward": [], "gradient": []})
        if not kinds["forward"]:
            problems.append(f"{name}: no test compares its outputs with a reference")
        if type(op).gradient is not Op.gradient and not kinds["gradient"] and name not in NO_VALUE_TO_CHECK:
            problems.append(f"{name}: it has a gradient that no test compares")
    return problems


EXEMPT: dict[str, str] = {}
"""Operators that are not compared one by one, and why."""
NO_VALUE_TO_CHECK: dict[str, str] = {}
"""Operators whose gradient rule says that there is none, and why that is no value to compare."""
