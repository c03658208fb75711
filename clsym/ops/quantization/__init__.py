"""Conversion to and from 8-bit integers."""
