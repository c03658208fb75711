"""Operators that move elements, and those that make tensors from nothing."""
