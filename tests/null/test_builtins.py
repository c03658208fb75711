"""Kernels are compiled without the compiler's header of builtins where they call only those that `include/builtins.h` declares."""

from __future__ import annotations

import re
from pathlib import Path

KERNELS = Path(__file__).parents[2] / "kernels"
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_FAMILIES = re.compile(
    r"\b((?:get_(?:global|local|group|num|work)_\w+|barrier|mem_fence|(?:read|write)_mem_fence|prefetch|async_work\w+|wait_group_events"
    r"|v(?:load|store)(?:a?_half)?\d*(?:_rt[ezpn])?|convert_\w+|(?:native|half)_\w+|atom(?:ic)?_\w+|shuffle2?|printf|(?:read|write)_image\w+"
    r"|a?(?:sin|cos|tan)(?:h|pi)?|atan2(?:pi)?|sincos|cbrt|ceil|copysign|erfc?|exp(?:2|10|m1)?|fabs|fdim|floor|fma|fmax|fmin|fmod|fract"
    r"|frexp|hypot|ilogb|ldexp|lgamma(?:_r)?|log(?:2|10|1p|b)?|mad|maxmag|minmag|modf|nan|nextafter|pow[nr]?|remainder|remquo|rint|rootn"
    r"|round|r?sqrt|tgamma|trunc|abs(?:_diff)?|add_sat|r?hadd|clz|ctz|mad_hi|mad_sat|mul_hi|rotate|sub_sat|upsample|popcount|mad24|mul24"
    r"|clamp|degrees|max|min|mix|radians|step|smoothstep|sign|cross|dot|distance|length|normalize|fast_(?:distance|length|normalize)"
    r"|is(?:equal|notequal|greater|greaterequal|less|lessequal|lessgreater|finite|inf|nan|normal|ordered|unordered)|signbit|any|all"
    r"|bitselect|select))\s*\("
)
_OWN = re.compile(r"(?:static|inline|M_FN)[^;{}()=]*?\b(\w+)\s*\(")


def _code(path: Path) -> str:
    return _COMMENT.sub(" ", path.read_text(encoding="utf-8"))


def test_every_builtin_that_a_kernel_calls_is_declared() -> None:
    header = KERNELS / "include" / "builtins.h"
    declared = set(re.findall(r"\b(?:OF_\w+\((\w+)\)|(\w+)\([^()]*\);)", _code(header)))
    names = {name for pair in declared for name in pair if name}
    files = [path for path in sorted(KERNELS.rglob("*")) if path.suffix in (".cl", ".h") and path != header]
    own = {name for path in files for name in _OWN.findall(_code(path))}
    called = {(match[1], path.name) for path in files for match in _FAMILIES.finditer(_code(path))}
    assert len(called) > 100
    missing = sorted((name, file) for name, file in called if name not in names and name not in own)
    assert not missing, f"include/builtins.h declares none of these, so that their programs take 0.1 s longer to build: {missing}"
