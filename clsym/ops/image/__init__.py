"""Operators that augment images whose channels stand last: (H, W, C), some of them (N, H, W, C)."""
