#!/usr/bin/env python3
"""Tune kernels for a model on this machine: what ``clsym tune`` does, from a checkout without installing it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clsym.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
