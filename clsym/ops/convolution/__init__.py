"""Convolution in the layouts that users know."""
