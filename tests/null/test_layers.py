"""Who imports whom: strictly downward, and no OpenCL outside `clsym.runtime`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import clsym

ROOT = Path(clsym.__file__).parent
# a module may import those of lower layers and, within a package, its siblings
LAYERS = {
    "base": 0, "params": 1, "context": 1, "naming": 1, "version": 0, "differences": 0, "registry": 0,
    "util": 2, "error": 1, "engine": 0, "log": 0,
    "attribute": 2, "name": 2,
    "graph": 2,
    "ops": 3, "runtime": 3, "opfunctions": 3,
    "ndarray": 4, "libinfo": 4,
    "random": 5, "executor": 5, "dlpack": 5,
    "symbol": 6,
    "autograd": 7, "model_files": 7, "model": 8, "test_utils": 7, "absent": 7, "inspect_model": 8, "run_model": 8,
    "operator": 7, "extension": 7, "library": 7, "model_arguments": 2, "report": 7, "data": 7, "contrib": 11, "tuner": 7, "warm": 7,
    # training
    "recordio": 3, "lr_scheduler": 2, "initializer": 7, "optimizer": 7, "metric": 7, "monitor": 7, "visualization": 7, "profiler": 7,
    "io": 8, "kvstore": 8, "executor_manager": 8, "image": 9, "callback": 9, "module": 10, "rnn": 10, "feed_forward": 11,
    "__init__": 12, "demo": 13, "as_mxnet": 13, "cli": 14, "__main__": 15,
}  # fmt: skip
# the same inside the compiler, by folder and file
GRAPH = {
    "contract": 0,
    "build": 1, "infer": 1, "gradient": 1, "memory": 1,
    "files": 2, "order": 2,
    "lower": 3,
    "rewrite": 4, "recompute": 4,
    "plan_data": 5,
    "report": 6, "compilation": 6,
    "passes": 7,
    "plan": 8,
}  # fmt: skip
# and between the families of operators: forms for one kind of device know what they are forms of, never the other way round
DEVICE_FORMS = {"cpu_blocked"}


def _modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py"))


def _unit(path: Path) -> str:
    part = path.relative_to(ROOT).parts[0]
    return part.removesuffix(".py")


def _dotted(path: Path) -> str:
    parts = ["clsym", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> list[tuple[str, int]]:
    """(absolute dotted name, line) of every import, those inside functions and for types alone included; modules by their own name."""
    package = ["clsym", *path.relative_to(ROOT).parts[:-1]]
    known = {_dotted(p) for p in _modules()}
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(a.name, node.lineno) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*stem, *([node.module] if node.module else [])])
            for a in node.names:
                whole = f"{base}.{a.name}"
                found.append((whole if whole in known or base == "clsym" else base, node.lineno))
    return found


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    mine = _unit(path)
    assert mine in LAYERS, f"{path}: give the new top-level module {mine!r} a layer here"
    for name, line in _imports(path):
        if name.split(".")[0] != "clsym":
            continue
        parts = name.split(".")
        target = parts[1] if len(parts) > 1 else "__init__"
        if target not in LAYERS:  # a public name of clsym/__init__
            target = "__init__"
        if target == mine:
            continue
        assert LAYERS[target] < LAYERS[mine], f"{path.relative_to(ROOT)}:{line} imports {name}: {mine} may not see {target}"


@pytest.mark.parametrize("path", sorted((ROOT / "graph").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_inside_the_compiler(path: Path) -> None:
    mine = _dotted(path).split(".")[2:3]
    for name, line in _imports(path):
        target = name.split(".")[2:3]
        if not name.startswith("clsym.graph.") or not mine or target == mine:
            continue
        assert GRAPH[target[0]] < GRAPH[mine[0]], f"{path.relative_to(ROOT)}:{line} imports {name}: {mine[0]} may not see {target[0]}"


@pytest.mark.parametrize("path", sorted((ROOT / "ops").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_operators_do_not_know_their_device_forms(path: Path) -> None:
    mine = path.relative_to(ROOT).parts[1]
    for name, line in _imports(path):
        family = name.split(".")[2:3]
        if name.startswith("clsym.ops.") and mine not in DEVICE_FORMS:
            assert not DEVICE_FORMS & set(family), f"{path.relative_to(ROOT)}:{line} imports {name}; attach the form from its own file"


def test_no_circles() -> None:
    """No module is reached from what it imports, imports for types alone included."""
    modules = {_dotted(p): p for p in _modules()}
    edges = {m: {n for n, _ in _imports(p) if n in modules and n != m} for m, p in modules.items()}
    left = dict(edges)
    while left:
        leaves = {m for m, to in left.items() if not to & left.keys()}
        assert leaves, f"imports in circles among {sorted(left)}"
        left = {m: to for m, to in left.items() if m not in leaves}


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_runtime_and_ndarray_import_opencl(path: Path) -> None:
    users = {name for name, _ in _imports(path) if name.split(".")[0] == "pyopencl"}
    assert not users or _unit(path) in ("runtime", "report"), f"{path.relative_to(ROOT)} imports {sorted(users)}"


def test_passes_name_no_operator() -> None:
    """The compiler knows operators by their data; the few it inserts itself are listed here."""
    inserted = {"_grad_add", "_zeros", "_copy", "_CrossDeviceCopy", "Cast"}
    from clsym.graph.contract.registry import all_names

    names = {n for n in all_names() if len(n) > 3} - inserted
    for path in (ROOT / "graph").rglob("*.py"):
        if path.name in ("serialize.py", "deserialize.py"):  # old graph files are mended by operator
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                texts = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                assert not texts & names, f"{path.name}:{node.lineno} compares with {texts & names}"


def _asks(path: Path) -> dict[str, set[tuple[int, int]]]:
    """Where each class and function of a module asks for the kind of device, itself and through the module's other functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    functions = {name for name, n in parts.items() if isinstance(n, ast.FunctionDef)}
    own = {
        name: {(a.lineno, a.col_offset) for a in ast.walk(n) if isinstance(a, ast.Attribute) and a.attr == "is_cpu"}
        for name, n in parts.items()
    }
    uses = {name: {a.id for a in ast.walk(n) if isinstance(a, ast.Name) and a.id in functions} for name, n in parts.items()}
    found = {}
    for name in parts:
        seen, todo = set(), [name]
        while todo:
            part = todo.pop()
            if part not in seen:
                seen.add(part)
                todo += uses[part]
        found[name] = {place for part in seen for place in own[part]}
    return found


def test_an_operator_asks_once_for_the_kind_of_device() -> None:
    """The form for CPUs or for GPUs is chosen in one place: a class or a function asks once, what it calls in its file included."""
    twice = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "ops").rglob("*.py")
        for name, places in _asks(path).items()
        if len(places) > 1
    }
    assert not twice, "choose one form and let it know the rest"
    for path in (ROOT / "ops").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                texts = {n.value for n in (node.left, *node.comparators) if isinstance(n, ast.Constant)}
                assert not texts & {"cpu", "gpu"}, f"{path.relative_to(ROOT)}:{node.lineno} compares a kind; ask traits.is_cpu, once"


def test_kernels_leave_the_kind_of_device_to_headers() -> None:
    """A kernel whose forms differ is two files; a small difference is a macro of include/."""
    kernels = ROOT.parent / "kernels"
    if not kernels.is_dir():
        pytest.skip("not a checkout")
    mixed = {
        str(path.relative_to(kernels))
        for path in kernels.rglob("*.cl")
        if re.search(r"\bDEVICE_[CG]PU\b", path.read_text(encoding="utf-8"))
    }
    assert not mixed, "make two files of it, <name>_cpu.cl and <name>_gpu.cl"


def test_headers_are_included_unconditionally() -> None:
    kernels = ROOT.parent / "kernels"
    if not kernels.is_dir():
        pytest.skip("not a checkout")
    from clsym.runtime.kernel_path import kernel_source

    for path in kernels.rglob("*.cl"):
        kernel_source(str(path.relative_to(kernels)))  # refuses others


def test_every_kernel_file_is_used_and_documented() -> None:
    kernels = ROOT.parent / "kernels"
    if not kernels.is_dir():
        pytest.skip("not a checkout")
    sources = "\n".join(p.read_text(encoding="utf-8") for p in _modules())
    for path in kernels.rglob("*.cl"):
        name = str(path.relative_to(kernels))
        assert path.read_text(encoding="utf-8").startswith("/*"), f"{name} must open with what it computes"
        stem = re.sub(r"_[cg]pu\.cl$", "", name)
        assert f'"{name}"' in sources or (stem != name and f'"{stem}"' in sources), f"{name} is used by no module"
