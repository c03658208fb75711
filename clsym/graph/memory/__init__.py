"""The memory pass: live ranges, in-place, views, and the packing of the arenas."""
