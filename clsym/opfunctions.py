"""The users' functions of the operators: ``mx.sym.Convolution``, ``mx.nd.Convolution`` and all others, made from the registry.

One builder serves symbols and arrays. A function is made when it is first asked for, by the ``__getattr__`` of its namespace module, and is
an ordinary function with a true signature and a numpydoc docstring.

How names are spread over namespaces, as in MXNet: ``_contrib_box_nms`` is ``contrib.box_nms``, ``_linalg_gemm2`` ``linalg.gemm2``,
``_random_uniform`` ``random.uniform`` (there with hand-written functions before it), other names with an underscore are in ``_internal``,
all the rest in the main namespace and in ``op``.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .base import _Null
from .graph.contract.op import Op
from .graph.contract.registry import all_names, find_op, has_op

__all__ = ["Call", "Flavour", "build_doc", "build_functions", "make_function", "namespace", "signature"]


class NotATensor(TypeError, AssertionError):
    """An input is something else than an array, or than a symbol; MXNet asserts that it is."""


@dataclass(slots=True)
class Call:
    """What a user asked of an operator's function.

    Attributes
    ----------
    op : Op
    hint : str
        What an automatic name starts with.
    inputs : list of (Symbol or NDArray or None)
        By position; None where it is not given. For a variadic operator, all that were given by position.
    named : dict of str to (Symbol or NDArray)
        Inputs given by keyword that are none of `Op.inputs`: ``arg0`` of a variadic operator, or names that don't exist.
    params : dict of str to object
        Everything else, as given; ``__x__`` attributes among them.
    name : str or None
    attr : dict of str to str or None
    out : NDArray or list of NDArray or None
    """

    op: Op
    hint: str
    inputs: list[Any]
    params: dict[str, Any]
    named: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    attr: Mapping[str, str] | None = None
    out: Any = None


@dataclass(frozen=True)
class Flavour:
    """What differs between the functions of symbols and those of arrays.

    Attributes
    ----------
    kind : {'Symbol', 'NDArray'}
        The word in documentation and messages.
    tensor : type
        The class of the inputs.
    invoke : callable
        Applies an operator: ``invoke(Call) -> Symbol`` or arrays.
    quick : callable or None
        The same of an operator, all its inputs, and parameters other than ``name``, ``attr``, ``out`` and ``ctx``.
    """

    kind: str
    tensor: type
    invoke: Callable[[Call], Any]
    quick: Callable[[Op, Sequence[Any], Mapping[str, Any]], Any] | None = None

    @property
    def extras(self) -> tuple[str, ...]:
        """Keywords after the parameters; both take all three, so that one script can call either."""
        return ("name", "attr", "out") if self.kind == "Symbol" else ("out", "name", "attr")


_SPECIAL = frozenset(("out", "name", "attr", "ctx"))


def _positional(op: Op, flavour: Flavour) -> tuple[str, ...]:
    return (*op.inputs, *(p for p in op.params if p not in op.inputs), *flavour.extras)


def make_function(op: Op, name: str, module: str, flavour: Flavour) -> Callable[..., Any]:
    """The function of one operator under one of its names.

    Parameters
    ----------
    op
        The operator.
    name
        The function's name, without the prefix of its namespace.
    module
        The dotted name of the module it will be found in.
    flavour
        For symbols or for arrays.
    """
    hint = op.hint or name.lower()
    tensor, invoke, kind, quick = flavour.tensor, flavour.invoke, flavour.kind, flavour.quick
    order = _positional(op, flavour)
    inputs, count = op.inputs, len(op.inputs)

    def reject(label: str, value: object) -> TypeError:
        # arrays are shown by their type only: to print them would wait for the device
        shown = "" if hasattr(value, "shape") else f": {str(value)[:200]}"
        return NotATensor(f"{name}(): {label} must be of type {kind}, but got {type(value).__module__}.{type(value).__name__}{shown}")

    def apply(given: list[Any], rest: dict[str, Any]) -> Any:
        call = Call(op, hint, given, {}, {}, rest.pop("name", None), rest.pop("attr", None), rest.pop("out", None))
        for key, value in rest.items():
            if isinstance(value, tensor):
                call.named[key] = value
            elif value is not _Null:
                call.params[key] = value
        return invoke(call)

    def variadic(*args: Any, **kwargs: Any) -> Any:
        for i, value in enumerate(args):
            if not isinstance(value, tensor):
                raise reject(f"argument {i} (all positional arguments are inputs)", value)
        return apply(list(args), kwargs)

    def is_plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        for value in args:
            if not isinstance(value, tensor):
                return False
        for key, value in kwargs.items():  # noqa: SIM110  (a generator costs as much as all the rest)
            if key in _SPECIAL or value is _Null or isinstance(value, tensor):
                return False
        return True

    def fixed(*args: Any, **kwargs: Any) -> Any:
        if quick is not None and len(args) == count and is_plain(args, kwargs):
            return quick(op, args, kwargs)
        if len(args) > len(order):
            raise TypeError(f"{name}() takes at most {len(order)} positional arguments ({len(args)} given)")
        for key, value in zip(order, args, strict=False):
            if key in kwargs:
                raise TypeError(f"{name}() got multiple values for argument {key!r}")
            kwargs[key] = value
        given = [kwargs.pop(key, None) for key in inputs]
        for key, value in zip(inputs, given, strict=True):
            if value is not None and not isinstance(value, tensor):
                raise reject(f"argument {key!r}", value)
        return apply(given, kwargs)

    function = variadic if op.variadic or op.many else fixed
    function.__name__ = name
    function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = build_doc(op, flavour)
    function.__signature__ = signature(op, flavour)  # type: ignore[attr-defined]
    return function


def signature(op: Op, flavour: Flavour) -> inspect.Signature:
    """The signature of an operator's function: inputs, parameters with their defaults, ``name``, ``attr``, ``out``."""
    kind = inspect.Parameter
    if op.variadic or op.many:
        parameters = [kind("args", kind.VAR_POSITIONAL)]
        parameters += [kind(n, kind.KEYWORD_ONLY, default=f.default) for n, f in op.params.items() if n != op.variadic]
        parameters += [kind(n, kind.KEYWORD_ONLY, default=None) for n in flavour.extras]
    else:
        parameters = [
            kind(n, kind.POSITIONAL_OR_KEYWORD, default=op.params[n].default if n in op.params and n not in op.inputs else None)
            for n in _positional(op, flavour)
        ]
    return inspect.Signature([*parameters, kind("kwargs", kind.VAR_KEYWORD)])


# --------------------------------------------------------------------------------------------------------------- documentation

_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^([*\w][\w, *]*?)\s*:", re.MULTILINE)


def _sections(doc: str) -> list[tuple[str, str]]:
    """A numpydoc text as (heading, body) pairs; the first heading is empty."""
    marks = list(_HEADING.finditer(doc))
    if not marks:
        return [("", doc.strip("\n"))]
    ends = [m.start() for m in marks[1:]] + [len(doc)]
    bodies = ((m.group(1), doc[m.end() : end].strip("\n")) for m, end in zip(marks, ends, strict=True))
    return [("", doc[: marks[0].start()].strip("\n")), *bodies]


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in inspect.cleandoc(text).splitlines())


def build_doc(op: Op, flavour: Flavour) -> str:
    """The docstring of an operator's function: `Op.doc` completed by typed parameters and the result."""
    sections = _sections(inspect.cleandoc(op.doc()))
    body = dict(sections)
    listed = body.get("Parameters", "")
    documented = {name.strip(" *") for entry in _ENTRY.findall(listed) for name in entry.split(",")}
    entries: list[str] = [listed] if listed else []
    if op.variadic or op.many:
        if not documented & {"data", "args", "arg0"}:
            entries.insert(0, f"*args : {flavour.kind}\n    The inputs" + (f"; {op.variadic} is their number." if op.variadic else "."))
    else:
        own = [f"{n} : {flavour.kind}" + ("\n    Auxiliary state." if n in op.aux else "") for n in op.inputs if n not in documented]
        entries = [*own, *entries]
    for name, parameter in op.params.items():
        if name not in documented and name != op.variadic:
            entries.append(f"{name} : {parameter.describe()}" + (f"\n{_indent(parameter.doc)}" if parameter.doc else ""))
    if flavour.kind == "Symbol":
        entries.append("name : str, optional\n    Name of the resulting symbol; automatic when left out.")
        entries.append("attr : dict of str to str, optional\n    Attributes of the node, such as ``{'ctx_group': 'dev1'}``.")
        result = "Symbol\n    One with as many outputs as the operator has."
    else:
        entries.append("out : NDArray, optional\n    The array to write the result to.")
        result = "NDArray or list of NDArray\n    One for each output of the operator."
    parts = [body[""], "Parameters\n----------\n" + "\n".join(entries)]
    parts.append(f"Returns\n-------\n{body.get('Returns', result)}")
    parts += [f"{heading}\n{'-' * len(heading)}\n{text}" for heading, text in sections if heading not in ("", "Parameters", "Returns")]
    return "\n\n".join(parts) + "\n"


# ------------------------------------------------------------------------------------------------------------------ namespaces

_PREFIXES = {
    "contrib": ("_contrib_",),
    "linalg": ("_linalg_",),
    "image": ("_image_",),
    "sparse": ("_sparse_",),
    "random": ("_random_", "_sample_"),
}


def _is_for_users(name: str) -> bool:
    return has_op(name) and not find_op(name).hidden


def _op_name(space: str, name: str) -> str | None:
    """The registered name that function `name` of a namespace stands for; None where it cannot be in that namespace."""
    if space in ("", "op"):
        return None if name.startswith("_") or not _is_for_users(name) else name
    if space == "_internal":
        return name if _is_for_users(name) else None
    return next((p + name for p in _PREFIXES[space] if _is_for_users(p + name)), None)


def _names(space: str) -> list[str]:
    names = [n for n, op in all_names().items() if not op.hidden]
    if space in ("", "op"):
        return sorted(n for n in names if not n.startswith("_"))
    if space == "_internal":
        return sorted(n for n in names if n.startswith("_"))
    return sorted({n[len(p) :] for n in names for p in _PREFIXES[space] if n.startswith(p)})


def build_functions(flavour: Flavour, space: str, module: str, names: Sequence[str] | None = None) -> dict[str, Callable[..., Any]]:
    """The functions of a namespace, all or those of `names`.

    Parameters
    ----------
    flavour
        For symbols or for arrays.
    space : {'', 'op', '_internal', 'contrib', 'linalg', 'image', 'sparse', 'random'}
        Which part of the operators.
    module
        The dotted name of the module that holds them.
    names
        The functions wanted; those that don't exist are left out.
    """
    functions: dict[str, Callable[..., Any]] = {}
    for name in _names(space) if names is None else names:
        full = _op_name(space, name)
        if full is not None:
            functions[name] = make_function(find_op(full), name, module, flavour)
    return functions


def namespace(flavour: Flavour, space: str, module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module whose functions are made when first used.

    Examples
    --------
    In ``clsym/symbol/contrib.py``::

        __getattr__, __dir__ = namespace(FLAVOUR, 'contrib', __name__)
    """

    def __getattr__(name: str) -> Any:
        function = None if name.startswith("__") else build_functions(flavour, space, module, (name,)).get(name)
        if function is None:
            close = difflib.get_close_matches(name, _names(space), 3)
            hint = f" Close names: {', '.join(close)}." if close and not name.startswith("__") else ""
            raise AttributeError(f"module {module!r} has no attribute {name!r}: no operator of that name is registered.{hint}")
        setattr(sys.modules[module], name, function)
        return function

    def __dir__() -> list[str]:
        own = vars(sys.modules[module])
        return sorted({*(n for n in own if n.startswith("__")), *own.get("__all__", ()), *_names(space)})

    return __getattr__, __dir__
