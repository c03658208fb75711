"""No operator without a test: each that users can call is named in a test of its own, or belongs to a family whose test walks the table."""

import ast
import re
from pathlib import Path

import clsym.ops  # noqa: F401
from clsym.graph.contract.registry import all_names, all_ops
from clsym.ops.elementwise.binary import Binary
from clsym.ops.elementwise.broadcast_binary import BroadcastBinary
from clsym.ops.elementwise.scalar import ScalarOp
from clsym.ops.elementwise.unary import Unary
from clsym.ops.random.draws import Random, RandomLike, Sample

TESTS = Path(__file__).parents[1]
WALKED = {
    Unary: "test_elemwise_unary.py",
    Binary: "test_elemwise_binary.py",
    BroadcastBinary: "test_broadcast.py",
    ScalarOp: "test_scalar.py",
    Random: "test_random.py",
    RandomLike: "test_random.py",
    Sample: "test_random.py",
}
COMPILERS_OWN = {"_grad_add"}  # put in by differentiation: every test of a graph whose values are read twice runs it


def named_in_tests():
    """Every string in the tests of the operators, and the operators of the recorded results."""
    found = set()
    for file in (TESTS / "device" / "ops").glob("test_*.py"):
        found |= {n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    for file in (TESTS / "reference").glob("*.json"):
        found |= set(re.findall(r'"op": ?"(\w+)"', file.read_text()))
    return found


def test_every_operator_is_named_in_a_test_of_its_own():
    found, spellings = named_in_tests(), all_names()
    untested = [
        op.name
        for op in all_ops().values()
        if not op.hidden and type(op) not in WALKED and op.name not in COMPILERS_OWN
        if not any(name in found for name, owner in spellings.items() if owner is op)
    ]  # fmt: skip
    assert not untested, f"no test in tests/device/ops names {untested}"


def test_families_have_their_tests():
    for family, file in WALKED.items():
        assert any(type(op) is family for op in all_ops().values()), f"{family.__name__} has no operators: take it off the list"
        assert (TESTS / "device" / "ops" / file).is_file()
