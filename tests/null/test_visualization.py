"""Tables and drawings of graphs, against what MXNet 1.9.1 printed."""

import builtins

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError

SHAPE = {"data": (4, 1, 28, 28)}


def lenet():
    x = mx.sym.Convolution(mx.sym.var("data"), kernel=(5, 5), num_filter=20, name="conv1")
    x = mx.sym.BatchNorm(mx.sym.Activation(x, act_type="tanh", name="tanh1"), name="bn")
    x = mx.sym.Pooling(x, pool_type="max", kernel=(2, 2), stride=(2, 2), name="pool1")
    x = mx.sym.FullyConnected(mx.sym.Flatten(x, name="flat"), num_hidden=10, name="fc")
    return mx.sym.SoftmaxOutput(x, name="softmax")


def rows(text):
    return [line.split() for line in text.splitlines() if not line.startswith(("__", "=="))]


def test_table(capsys):
    mx.viz.print_summary(lenet(), SHAPE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "_" * 120 and lines[2] == lines[-3] == "=" * 120 and lines[-1] == lines[0]
    assert lines[1] == "Layer (type)".ljust(52) + "Output Shape".ljust(24) + "Param #".ljust(12) + "Previous Layer".ljust(32)
    assert lines[5] == "conv1(Convolution)".ljust(52) + "20x24x24".ljust(24) + "520".ljust(12) + "data".ljust(32)
    assert rows("\n".join(lines))[1:] == [
        ["data(null)", "1x28x28", "0"],
        ["conv1(Convolution)", "20x24x24", "520", "data"],
        ["tanh1(Activation)", "20x24x24", "0", "conv1"],
        ["bn(BatchNorm)", "20x24x24", "40", "tanh1"],
        ["pool1(Pooling)", "20x12x12", "0", "bn"],
        ["flat(Flatten)", "2880", "0", "pool1"],
        ["fc(FullyConnected)", "10", "28810", "flat"],
        ["softmax(SoftmaxOutput)", "10", "0", "fc"],
        ["Total", "params:", "29370"],
    ]


def test_table_without_shapes_and_columns_by_characters(capsys):
    mx.viz.print_summary(lenet(), line_length=60, positions=[12, 20, 30, 40])
    lines = capsys.readouterr().out.splitlines()
    assert lines[5] == "conv1(Convol" + " " * 8 + "20".ljust(10) + "data".ljust(10)
    assert lines[-2] == "Total params: 30"


def test_shared_and_other_parameters_are_counted_by_shape(capsys):
    w, d = mx.sym.var("w"), mx.sym.var("data")
    a = mx.sym.FullyConnected(d, weight=w, num_hidden=6, no_bias=True, name="a")
    b = mx.sym.LayerNorm(mx.sym.FullyConnected(a, weight=w, num_hidden=6, no_bias=True, name="b"), name="ln")
    mx.viz.print_summary(mx.sym.Concat(a, b, mx.sym.var("more", shape=(2, 3)), name="c"), {"data": (2, 6)})
    found = rows(capsys.readouterr().out)
    assert found[2:] == [
        ["a(FullyConnected)", "6", "36", "data"],
        ["b(FullyConnected)", "6", "36", "a"],
        ["ln(LayerNorm)", "6", "12", "b"],
        ["c(Concat)", "15", "0", "a"],
        ["ln"],
        ["Total", "params:", "48"],
    ]


def test_refusals():
    with pytest.raises(TypeError, match="symbol must be Symbol"):
        mx.viz.print_summary("x")
    with pytest.warns(UserWarning, match="Cannot decide shape"), pytest.raises(ValueError, match="Input shape is incomplete"):
        mx.viz.print_summary(lenet(), {})
    with pytest.raises(TypeError):
        mx.viz.print_summary(lenet(), (1, 2))
    with pytest.raises(MXNetError, match="nope"):
        mx.viz.print_summary(lenet(), {"nope": (1, 2)})
    with pytest.raises(IndexError, match="positions"):
        mx.viz.print_summary(lenet(), positions=[0.5, 1.0])


def test_drawing():
    pytest.importorskip("graphviz")
    net = mx.viz.plot_network(lenet(), title="my plot", save_format="svg", shape=SHAPE, dtype={"data": "float32"})
    assert net.name == "my plot" and net.format == "svg"
    style = "fixedsize=true height=0.8034 shape={} style=filled width=1.3]"
    assert net.source.startswith('digraph "my plot" {\n')
    for text in (
        '\tdata [label=data fillcolor="#8dd3c7" ' + style.format("oval"),
        '\tconv1 [label="Convolution\n5x5/1, 20" fillcolor="#fb8072" ' + style.format("box"),
        '\ttanh1 [label="Activation\ntanh" fillcolor="#ffffb3" ' + style.format("box"),
        '\tbn [label=bn fillcolor="#bebada" ' + style.format("box"),
        '\tpool1 [label="Pooling\nmax, 2x2/2x2" fillcolor="#80b1d3" ' + style.format("box"),
        '\tsoftmax [label=softmax fillcolor="#fccde5" ' + style.format("box"),
        '\tpool1 -> bn [label="20x24x24(float32)" arrowtail=open dir=back]',
    ):
        assert text in net.source
    assert "weight" not in net.source and "moving" not in net.source
    shown = mx.viz.plot_network(lenet(), hide_weights=False, node_attrs={"fixedsize": "false"}).source
    assert "\tfc -> fc_weight [" in shown and "bn -> bn_moving_mean" in shown and "fixedsize=true" not in shown
    with pytest.raises(TypeError, match="symbol must be a Symbol"):
        mx.viz.plot_network("x")


def test_names_are_only_text():
    graphviz = pytest.importorskip("graphviz")
    hostile = mx.sym.exp(mx.sym.exp(mx.sym.var("<b>x</b>"), name='a"<&'), name="p:q\\n")
    source = mx.viz.plot_network(hostile, title="<t>").source
    assert source.startswith('digraph "<t>" {')
    assert 'label="<b>x</b>"' in source and '"a\\"<&" [label="a\\"<&"' in source and 'label="p:q\\\\n"' in source
    assert '\tnode2 -> "a\\"<&"' in source and '\t"a\\"<&" -> node0' in source
    assert isinstance(mx.viz.plot_network(hostile), graphviz.Digraph)
    page = hostile._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;x&lt;/b&gt;" in page and "a&quot;&lt;&amp;" in page


def test_without_graphviz(monkeypatch):
    true_import = builtins.__import__

    def fail(name, *args, **kwargs):
        if name == "graphviz":
            raise ImportError("none")
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ImportError, match=r"clsym\[viz\]"):
        mx.viz.plot_network(lenet())


def test_notebooks():
    table = mx.sym.Embedding(mx.sym.var("data", shape=(2, 5)), input_dim=7, output_dim=3, name="e")._repr_html_()
    assert "<td>e</td><td>Embedding</td><td>2x5x3</td><td>21</td><td>data</td>" in table
    deep = mx.sym.var("x")
    for _ in range(100):
        deep = mx.sym.exp(deep)
    assert deep._repr_html_().count("<tr>") == 1 + 50 + 1 + 10 and "41 more" in deep._repr_html_()
    from clsym.ndarray.printing import html_array

    assert html_array(np.zeros((100, 100)), "cpu(0)").count("<td>") == 11 * 11
    assert html_array(np.zeros((2, 2, 2)), "cpu(0)").endswith("&lt;NDArray 2x2x2 @cpu(0)&gt;</pre>")
