"""Counting words."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["count_tokens_from_str"]


def count_tokens_from_str(
    source_str: str, token_delim: str = " ", seq_delim: str = "\n", to_lower: bool = False, counter_to_update: Counter[str] | None = None
) -> Counter[str]:
    r"""How often each word occurs.

    Parameters
    ----------
    source_str
        The text.
    token_delim, seq_delim
        What separates words and sentences; regular expressions.
    to_lower
        Count words without regard to case.
    counter_to_update
        Counts to add to; it is changed and returned.

    Examples
    --------
    >>> sorted(count_tokens_from_str(' Life is great ! \n life is good . \n').items())[:4]
    [('!', 1), ('.', 1), ('Life', 1), ('good', 1)]
    """
    if to_lower:
        source_str = source_str.lower()
    words = [word for word in re.split(f"{token_delim}|{seq_delim}", source_str) if word]
    if counter_to_update is None:
        return Counter(words)
    counter_to_update.update(words)
    return counter_to_update
