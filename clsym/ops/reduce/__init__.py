"""Reductions, ordering, arguments of extremes."""
