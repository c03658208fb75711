"""Softmax and the output layers with losses."""
