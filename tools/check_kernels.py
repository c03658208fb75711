"""Run every operator's kernels in Oclgrind, a simulator that sees accesses out of bounds, data races and reads of what nobody wrote.

    python tools/check_kernels.py                    all cases, as for CPUs and as for GPUs
    python tools/check_kernels.py --small            a few, in seconds: what the tests run
    python tools/check_kernels.py --filter 'Pool|sort' --form gpu --json figures.json

Small cases of every operator (those of the tests of the inference, and `check_kernels_cases.py`) run forward, backward, and with gradients
added, in child processes. Where the simulator stops (it lacks some instructions, and its check for uninitialised values crashes on vector
arguments and takes no note of some instructions), the case runs again without that check but twice, over memory that holds two patterns
where nobody wrote, and if need be without the compiler's optimisations. Printed are the reports, what could not be checked, the kernels
that no case ran, and the time. The exit status is 1 where there was a report, 2 without Oclgrind.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from check_kernels_cases import Case, all_cases

HERE = Path(__file__).resolve().parent
LIBRARIES = ("/usr/lib/oclgrind/liboclgrind-rt-icd.so", "/usr/local/lib/liboclgrind-rt-icd.so", "/usr/lib/liboclgrind-rt-icd.so")
MISSING = """Oclgrind is not installed. On Debian and Ubuntu: apt install oclgrind
Elsewhere build it from https://github.com/jrprice/Oclgrind, and pass --library .../liboclgrind-rt-icd.so"""
PATIENCE = 40  # seconds without a word from a child
LATE = f"longer than {PATIENCE} s in a kernel"
MODES: list[tuple[str, dict[str, str]]] = [
    ("memory poisoned, the simulator's check for uninitialised values", {"OCLGRIND_UNINITIALIZED": "1"}),
    ("memory poisoned", {}),
    ("memory poisoned, compiled without optimisation", {"OCLGRIND_BUILD_OPTIONS": "-cl-opt-disable"}),
]
REPORT = re.compile(r"^(Invalid (?:read|write)|\S.*data race|Uninitialized|.*(?:out of bounds|Unaligned|divergence|Invalid))", re.MULTILINE)


def find_library(given: str) -> str | None:
    """Oclgrind's library, or None."""
    return next((p for p in ([given] if given else LIBRARIES) if Path(p).is_file()), None)


def entries() -> set[tuple[str, str]]:
    """(file, kernel) of all kernels, those in the files' headers too."""
    from clsym.runtime.kernel_path import kernel_source

    root = HERE.parent / "kernels"
    files = [file.relative_to(root).as_posix() for file in root.rglob("*.cl")]
    return {(file, name) for file in files for name in re.findall(r"^.*\bkernel\s+void\s+(\w+)\s*\(", kernel_source(file), re.MULTILINE)}


@dataclass
class Outcome:
    """What became of the cases of one form of the kernels."""

    reports: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(what, kernel, line) to the cases that had it."""
    launched: dict[tuple[str, str], int] = field(default_factory=dict)
    """Kernel to the strictest mode that it ran in to the end of a case."""
    refused: dict[str, str] = field(default_factory=dict)
    """Case to why it could not be checked at all."""
    modes: Counter[str] = field(default_factory=Counter)
    """Mode to the cases that ran in it."""
    claims: dict[str, list[str]] = field(default_factory=dict)
    """Case to the kernels in which the simulator claims uninitialised values; of them, those stand in `reports` that poison confirms."""
    seconds: float = 0


def parse(said: str) -> list[tuple[str, str, str]]:
    """(what, kernel, place) of each report in a log."""
    found = []
    for block in re.split(r"\n\s*\n", said):
        first = block.strip().partition("\n")[0]
        kernel = re.search(r"Kernel:\s*(\w+)", block)
        if not first or kernel is None:
            continue
        place = re.search(r"At line (\d+)[^\n]* of ([\w./]+)", block)
        what = re.sub(r"0x[0-9a-f]+", "...", first)
        found.append((what, kernel[1], f"line {place[1]} of {place[2]}" if place else ""))
    return found


class Child:
    """A process that runs cases until it is through or dies."""

    def __init__(self, numbers: list[int], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "check_kernels_child.py"), json.dumps(numbers)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=environment,
        )  # fmt: skip
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors = [*self.errors[-20:], line]

    def why(self) -> str:
        """What it died of."""
        self.process.wait()
        fatal = [e.strip() for e in self.errors if "FATAL" in e or "nsupported" in e or "ndefined external" in e]
        return "; ".join(fatal[-2:]) or f"the simulator died ({self.process.returncode})"


def run_mode(
    mode: int, numbers: list[int], form: str, library: str, outcome: Outcome, cases: list[Case], deadline: float
) -> dict[int, str]:
    """Run the cases in one mode; those that could not be checked in it, and why."""
    failed: dict[int, str] = {}
    todo = list(numbers)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "oclgrind.icd").write_text(library + "\n")
        turn = 0
        while todo:
            turn += 1
            environment = {k: v for k, v in os.environ.items() if k == "CLSYM_KERNEL_PATH" or not k.startswith(("OCLGRIND_", "CLSYM_"))}
            environment |= {
                "OCL_ICD_VENDORS": folder, "CLSYM_DEVICE": "Oclgrind", "CLSYM_TRAITS": form, "CLSYM_TUNING": "0",
                "PYOPENCL_NO_CACHE": "1", "OCLGRIND_DATA_RACES": "1", "OCLGRIND_MAX_ERRORS": "1000000", "OCLGRIND_NUM_THREADS": "1",
                "OCLGRIND_LOG": str(Path(folder, f"log{turn}")), **MODES[mode][1],
            }  # fmt: skip
            child = Child(todo, environment)
            current, launched = -1, set()
            while True:
                try:
                    line = child.lines.get(timeout=max(1.0, min(PATIENCE, deadline - time.monotonic())))
                except queue.Empty:
                    child.process.kill()
                    failed[current] = LATE
                    break
                if line is None:
                    if current >= 0:
                        last = sorted(launched)[-1] if launched else ("", "")
                        failed[current] = f"{child.why()} ({last[1]})" if len(launched) == 1 else child.why()
                    break
                try:
                    news: dict[str, Any] = json.loads(line)
                except ValueError:  # a word of somebody else's
                    continue
                if "begin" in news:
                    current, launched = news["begin"], set()
                elif "launch" in news:
                    launched.add(tuple(news["launch"]))
                else:
                    found = parse(news["said"])
                    claims = {report for report in found if "ninitialized" in report[0]} if mode == 0 else set()
                    if news["trouble"]:
                        failed[current] = news["trouble"]
                    elif claims and not set(found) - claims:  # it takes no note of some instructions: memory that is poisoned decides
                        failed[current] = "values that the simulator calls uninitialised"
                        outcome.claims[cases[current].name] = sorted({f"{kernel} ({place})" for _, kernel, place in claims})
                    else:
                        for result in news["unwritten"]:
                            outcome.reports[f"{result} depends on memory that nobody wrote", "", ""].append(cases[current].name)
                        for report in found:
                            outcome.reports[report].append(cases[current].name)
                        for kernel in launched:
                            outcome.launched[kernel] = min(mode, outcome.launched.get(kernel, mode))
                        outcome.modes[MODES[mode][0]] += 1
                    todo.remove(current)
                    current = -1
            if current < 0 and todo and not failed.keys() & set(todo):
                child.process.wait()
                raise SystemExit(f"the child that should run the cases does not start:\n{''.join(child.errors)}")
            child.process.wait()
            todo = [n for n in todo if n not in failed]
    return failed


def check(cases: list[Case], numbers: list[int], form: str, library: str, limit: float, first: int) -> Outcome:
    """Run cases in one form, from a mode on in each what the one before could not."""
    outcome = Outcome()
    start = time.monotonic()
    failed = dict.fromkeys(numbers, "")
    for mode in range(first, len(MODES)):
        if failed:
            late = {n: why for n, why in failed.items() if why == LATE}
            failed = run_mode(mode, [n for n in failed if n not in late], form, library, outcome, cases, start + limit) | late
    outcome.refused = {cases[n].name: why for n, why in failed.items()}
    outcome.seconds = time.monotonic() - start
    return outcome


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", help="regular expression that a case's name must have")
    parser.add_argument("--form", choices=("cpu", "gpu", "both"), default="both")
    parser.add_argument("--small", action="store_true", help="the small set, without the simulator's check for uninitialised values")
    parser.add_argument("--part", default="1/1", help="2/5: the second fifth of the cases")
    parser.add_argument("--library", default="", help="liboclgrind-rt-icd.so, where it is not found")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds a form may take")
    parser.add_argument("--json", default="", help="file for the figures")
    args = parser.parse_args()
    library = find_library(args.library)
    if library is None:
        print(MISSING, file=sys.stderr)
        return 2
    cases = all_cases()
    numbers = [i for i, c in enumerate(cases) if re.search(args.filter, c.name) and (c.small or not args.small)]
    part, _, parts = args.part.partition("/")
    numbers = numbers[int(part) - 1 :: int(parts)]
    forms = ["cpu", "gpu"] if args.form == "both" else [args.form]
    outcomes = {
        form: check(cases, [n for n in numbers if cases[n].form in ("", form)], form, library, args.limit, int(args.small))
        for form in forms
    }
    ran: dict[tuple[str, str], int] = {}
    for outcome in outcomes.values():
        for kernel, mode in outcome.launched.items():
            ran[kernel] = min(mode, ran.get(kernel, mode))
    never = sorted(entries() - ran.keys())
    count = 0
    for form, outcome in outcomes.items():
        checked = sum(outcome.modes.values())
        print(f"{form}: {checked} of {checked + len(outcome.refused)} cases, {outcome.seconds:.0f} s")
        for mode, n in outcome.modes.items():
            print(f"  {n} cases: bounds, races, {mode}")
        print(f"  in {len(outcome.claims)} of those the simulator called values uninitialised, and poisoned memory decided")
        for name, why in outcome.refused.items():
            print(f"  not checked: {name}: {why[:300]}")
        for (what, kernel, place), where in sorted(outcome.reports.items()):
            count += 1
            print(f"  REPORT {what} in {kernel}, {place}: {len(where)} times, as in {where[0]}")
    by_mode = Counter(ran.values())
    print(f"kernels run: {len(ran)} of {len(entries())}; " + "; ".join(f"{by_mode[m]} with {MODES[m][0]}" for m in sorted(by_mode)))
    print(f"reports: {count}")
    if never and not args.small and not args.filter:
        print("never run: " + ", ".join(f"{file} {name}" for file, name in never))
    if args.json:
        figures = {
            "kernels": len(entries()), "run": len(ran), "reports": count, "never": never,
            "seconds": {form: o.seconds for form, o in outcomes.items()},
            "refused": {form: o.refused for form, o in outcomes.items()},
            "claims": {form: o.claims for form, o in outcomes.items()},
        }  # fmt: skip
        Path(args.json).write_text(json.dumps(figures, indent=1))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
