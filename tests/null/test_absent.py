"""What of MXNet's operators is there: no name is both there and absent, and every absent one has a reason."""

from __future__ import annotations

import clsym as mx
from clsym.absent import absent, mxnet_operators, reason
from clsym.graph.contract.registry import all_names, find_op


def test_names_are_there_or_absent_with_a_reason():
    missing = {name for names in absent().values() for name in names}
    assert missing.isdisjoint(all_names()) and missing < set(mxnet_operators())
    assert all(reason(name) for name in missing)


def test_names_for_sparse_arrays_are_those_of_dense_ones():
    assert find_op("_sparse_dot") is find_op("dot")
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    assert '"op": "dot"' in mx.sym.sparse.dot(a, b).tojson()
    assert "abs" in dir(mx.nd.sparse)
