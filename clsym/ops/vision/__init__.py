"""Operators that sample images where other tensors say: grids, regions of interest, deformed windows, displaced patches."""
