"""Scopes of names and attributes; expected values as MXNet 1.9.1 gives them."""

import threading

import pytest

from clsym.base import MXNetError
from clsym.naming import AttrScope, NameManager, Prefix


def test_counters_are_per_hint_and_manager():
    manager = NameManager()
    asked = [("x", "h"), (None, "h"), ("", "h"), (None, "g"), (None, "h")]
    assert [manager.get(*a) for a in asked] == ["x", "h0", "h1", "g0", "h2"]
    assert NameManager().get(None, "h") == "h0"


def test_prefix_also_on_given_names():
    prefix = Prefix("a_")
    assert [prefix.get("x", "h"), prefix.get(None, "h"), prefix.get(None, "g")] == ["a_x", "a_h0", "a_g0"]


def test_nested_prefixes_do_not_add_up():
    with Prefix("a_"):
        with Prefix("b_"):
            assert NameManager.current.get(None, "softmax") == "b_softmax0"
        assert NameManager.current.get(None, "softmax") == "a_softmax0"


def test_prefix_counts_on_when_entered_again():
    prefix = Prefix("r_")
    for expected in ("r_softmax0", "r_softmax1"):
        with prefix as entered:
            assert entered is prefix is NameManager.current is Prefix.current
            assert NameManager.current.get(None, "softmax") == expected


def test_subclass_names():
    class Shouting(NameManager):
        def get(self, name, hint):
            return super().get(name, hint).upper()

    with Shouting():
        assert NameManager.current.get(None, "fc") == "FC0"


@pytest.mark.parametrize("scopes", [(NameManager, Prefix("p_")), (AttrScope, AttrScope(k="1"))], ids=["names", "attributes"])
def test_stack_unwinds(scopes):
    kind, scope = scopes
    before = kind.current
    with pytest.raises(KeyError), scope, scope:
        assert kind.current is scope
        raise KeyError
    assert kind.current is before
    with pytest.raises(MXNetError, match="had not entered"):
        scope.__exit__(None, None, None)
    assert kind.current is before


def test_threads_start_afresh():
    seen = {}

    def work():
        seen["names"] = [NameManager.current.get(None, "softmax") for _ in range(2)]
        seen["attributes"] = AttrScope.current.get()
        with AttrScope(t="2"):
            seen["inside"] = AttrScope.current.get()

    with Prefix("main_"), AttrScope(k="1"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert AttrScope.current.get() == {"k": "1"}
    assert seen == {"names": ["softmax0", "softmax1"], "attributes": {}, "inside": {"t": "2"}}


def test_current_can_be_set():
    before = NameManager.current
    try:
        NameManager.current = Prefix("set_")
        assert NameManager.current.get("x", "h") == "set_x"
        assert NameManager().current is NameManager.current
    finally:
        NameManager.current = before


def test_attributes_merge_inner_and_own_win():
    with AttrScope(a="1", b="2"):
        with AttrScope(b="3", c="4") as inner:
            assert AttrScope.current is inner
            assert inner._attr == {"a": "1", "b": "3", "c": "4"}
            assert inner.get({"c": "9", "d": "5"}) == {"a": "1", "b": "3", "c": "9", "d": "5"}
        assert AttrScope.current.get(None) == {"a": "1", "b": "2"}
    assert inner.get() == {"b": "3", "c": "4"}
    assert AttrScope.current.get({}) == {}


def test_get_leaves_its_input_alone():
    own = {"z": "1"}
    result = AttrScope(ctx_group="dev1", __lr_mult__="2").get(own)
    assert result == {"ctx_group": "dev1", "__lr_mult__": "2", "z": "1"} and own == {"z": "1"}
    result["new"] = "1"
    assert AttrScope.current.get() == {}


@pytest.mark.parametrize("value", [1, None, b"x", ["x"]])
def test_attribute_values_are_strings(value):
    with pytest.raises(ValueError, match="Attributes need to be string: lr_mult="):
        AttrScope(lr_mult=value)


def test_bad_names():
    with pytest.raises(MXNetError, match="pass a str"):
        NameManager().get(3, "h")
    with pytest.raises(MXNetError, match="pass a str"):
        Prefix(3)
