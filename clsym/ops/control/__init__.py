"""Operators that hold graphs or Python code: loops, branches, the user's own."""
