"""Reading and writing items of arrays, against numpy and against facts recorded from MXNet 1.9.1."""

import random

import numpy as np
import pytest

import clsym.ndarray as nd

SHAPE = (4, 3, 5, 2)


@pytest.fixture
def pair(ctx):
    values = np.arange(np.prod(SHAPE), dtype="float32").reshape(SHAPE)
    return nd.array(values, ctx=ctx), values


def random_part(extent, adjacent_arrays):
    kind = random.random()
    if kind < 0.25:
        return random.randrange(-extent, extent)
    if kind < 0.85 or not adjacent_arrays:
        ends = [random.choice([None, random.randint(-extent - 1, extent + 1)]) for _ in range(2)]
        return slice(*ends, random.choice([None, 1, 1, 2, 3, -1, -2]))
    return [random.randrange(-extent, extent) for _ in range(adjacent_arrays)]


def random_key(arrays):
    count = random.randint(0, len(SHAPE))
    parts = [random_part(SHAPE[i], 2 if arrays else 0) for i in range(count)]
    if random.random() < 0.3:
        parts.append(Ellipsis)
    if not arrays and random.random() < 0.3:
        parts.insert(random.randint(0, len(parts)), None)
    return tuple(parts)


def same(found, expected):
    assert found.shape == (expected.shape or (1,))
    np.testing.assert_array_equal(found.asnumpy().reshape(expected.shape), expected)


@pytest.mark.parametrize("arrays", [False, True], ids=["basic", "advanced"])
def test_random_reads(pair, arrays):
    array, values = pair
    for _ in range(150):
        key = random_key(arrays)
        print(key)
        same(array[key], values[key])


@pytest.mark.parametrize("arrays", [False, True], ids=["basic", "advanced"])
def test_random_writes(pair, arrays):
    array, values = pair
    for i in range(150):
        key = random_key(arrays)
        print(key)
        shape = values[key].shape
        cut = shape[random.randint(0, len(shape)) :]
        cut = tuple(random.choice([1, d]) for d in cut)
        value = np.random.randint(0, 1000, cut).astype("float32")
        values[key] = value
        array[key] = (
            value,
            nd.array(value, ctx=array.ctx),
            float(value.flat[0]) if value.size == 1 else value.tolist() if value.size else value,
        )[i % 3]
        np.testing.assert_array_equal(array.asnumpy(), values)


def shares(array, key):
    view = array[key]
    before = array.asnumpy()
    view[:] = -1
    changed = bool((array.asnumpy() != before).any())
    array[:] = before
    return changed


# recorded from MXNet 1.9.1 on a (2, 3, 4) array: what is a view and what is a copy
VIEWS = [
    (1, True), (-1, True), (slice(0, 1), True), ((slice(0, 1), slice(None)), True), ((1, 1), True), ((1, slice(1, 2)), True),
    ((slice(0, 1), 1), True), ((slice(None), 1), False), (..., True), (slice(None), True), (None, True), (slice(None, None, 2), True),
    (slice(None, None, -1), False), ((1, 1, 1), True), ((1, 1, slice(0, 4, 2)), False), ((0, 0, slice(0, 2)), True), ((), True),
    ([0], False),
    (np.array([0, 1]), False), ((..., slice(0, 1)), False), (True, True), (np.int64(1), True),
]  # fmt: skip


@pytest.mark.parametrize(("key", "shared"), VIEWS, ids=lambda v: str(v).replace("slice", ""))
def test_views_and_copies(ctx, key, shared):
    array = nd.arange(24, ctx=ctx).reshape((2, 3, 4))
    assert shares(array, key) == shared


def test_single_items_keep_one_dimension(ctx):
    array = nd.arange(24, ctx=ctx).reshape((2, 3, 4))
    assert array[1, 1, 1].shape == (1,)
    assert nd.zeros(2, ctx=ctx)[1].shape == (1,)
    assert [v.shape for v in array[0, 0]] == [(1,)] * 4


def test_truth_values_are_integers_unless_of_type_bool(ctx):
    array = nd.arange(24, ctx=ctx).reshape((2, 3, 4))
    assert array[np.array([True, False])].asnumpy()[:, 0, 0].tolist() == [12, 0]
    mask = np.arange(24).reshape(2, 3, 4) % 5 == 0
    assert array[nd.array(mask, ctx=ctx, dtype="bool")].asnumpy().tolist() == [0, 5, 10, 15, 20]
    array[nd.array(mask, ctx=ctx, dtype="bool")] = -1
    assert (array.asnumpy() == -1).sum() == 5
    with pytest.raises(IndexError, match="boolean index did not match indexed array along axis 0"):
        array[nd.array([1], ctx=ctx, dtype="bool")]


def test_arrays_as_indices(ctx):
    array = nd.arange(24, ctx=ctx).reshape((2, 3, 4))
    values = array.asnumpy()
    same(array[nd.array([[0, 1], [1, 0]], ctx=ctx)], values[[[0, 1], [1, 0]]])
    same(array[nd.array([-1], ctx=ctx)], values[[-1]])
    same(array[[1.7]], values[[1]])
    same(array[0, :, [0, 2]], values[0, :, [0, 2]])
    same(array[[[0], [1]], [0, 2]], values[[[0], [1]], [0, 2]])
    same(array[range(2)], values)


def test_of_repeated_places_the_last_counts(ctx):
    array = nd.zeros((2, 3, 4), ctx=ctx)
    array[[0, 0], [1, 1]] = nd.array([[1, 1, 1, 1], [2, 2, 2, 2]], ctx=ctx)
    assert array.asnumpy()[0, 1].tolist() == [2, 2, 2, 2]
    many = np.random.randint(0, 50, 20000)
    array = nd.zeros(50, ctx=ctx)
    array[many] = np.arange(20000)
    expected = np.zeros(50, "float32")
    expected[many] = np.arange(20000)
    np.testing.assert_array_equal(array.asnumpy(), expected)


def test_overlapping_assignment(ctx):
    array = nd.arange(10, ctx=ctx)
    array[1:] = array[:-1]
    assert array.asnumpy().tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    array[::-1] = array
    assert array.asnumpy().tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    array[2:6].copyto(array[3:7])
    assert array.asnumpy().tolist() == [8, 7, 6, 6, 5, 4, 3, 1, 0, 0]


def test_values_are_converted(ctx):
    array = nd.zeros((2, 2), ctx=ctx, dtype="int32")
    array[0] = nd.array([1.9, -1.9], ctx=ctx)
    array[1] = np.array([2.9, 300])
    assert array.asnumpy().tolist() == [[1, -1], [2, 300]]
    array[:, 0] = nd.array([5.5, 6.5], ctx=ctx, dtype="float16")
    assert array.asnumpy().tolist() == [[5, -1], [6, 300]]
    array[:, 1] = 7.9
    assert array.asnumpy().tolist() == [[5, 7], [6, 7]]


def test_leading_ones_of_a_value_are_dropped(ctx):
    array = nd.zeros((2, 3), ctx=ctx)
    array[0] = np.ones((1, 1, 3))
    assert array.asnumpy().tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("key", "kind", "text"),
    [
        (5, IndexError, "index 5 is out of bounds for axis 0 with size 2"),
        ((0, 5), IndexError, "index 5 is out of bounds for axis 1 with size 3"),
        ((0, 0, 0, 0), IndexError, "too many indices"),
        ([5], IndexError, "index 5 is out of bounds"),
        (1.0, ValueError, "does not support slicing with key 1.0"),
        ("a", ValueError, "does not support slicing with key a"),
        ((..., ...), IndexError, "more than one ellipsis"),
        (slice(0, 2, 0), ValueError, "slice step cannot be zero"),
        (([0, 1], [0, 1, 2]), ValueError, "do not broadcast"),
        (["x"], IndexError, "not integers"),
    ],
)
def test_bad_indices(ctx, key, kind, text):
    array = nd.zeros((2, 3, 4), ctx=ctx)
    with pytest.raises(kind, match=text):
        array[key]
    with pytest.raises(kind, match=text):
        array[key] = 1


def test_bad_values(ctx):
    array = nd.zeros((2, 3), ctx=ctx)
    with pytest.raises(ValueError, match=r"could not broadcast a value of shape \(5,\) to the indexed shape \(3,\)"):
        array[0] = np.ones(5)
    with pytest.raises(TypeError, match="non-array-like object"):
        array[0] = "x"
    with pytest.raises(TypeError, match="non-array-like object"):
        array[0] = {}


def test_writes_through_views(ctx):
    array = nd.zeros((2, 3, 4), ctx=ctx)
    array[0][1] = 5
    array[1][:, 2] = 7
    array[0] += 1
    array[:, 0] -= 2
    expected = np.zeros((2, 3, 4))
    expected[0][1] = 5
    expected[1][:, 2] = 7
    expected[0] += 1
    expected[:, 0] -= 2
    np.testing.assert_array_equal(array.asnumpy(), expected)
