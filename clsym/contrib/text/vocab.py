"""Words and their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

__all__ = ["Vocabulary"]


class Vocabulary:
    """Numbers words: 0 is the unknown word, then come reserved ones, then the most frequent first, those of one frequency by alphabet.

    Parameters
    ----------
    counter
        How often each word occurs; None for reserved words only.
    most_freq_count
        So many words at most, the reserved ones apart.
    min_freq
        Rarer words are left out.
    unknown_token
        Stands for words without a number.
    reserved_tokens
        Words with the numbers from 1 on.

    Raises
    ------
    AssertionError
        A frequency below 1, or reserved words that are not different from each other and from the unknown one.

    Examples
    --------
    >>> from collections import Counter
    >>> words = Vocabulary(Counter('b a b c c c'.split()), min_freq=2, reserved_tokens=['<pad>'])
    >>> words.idx_to_token
    ['<unk>', '<pad>', 'c', 'b']
    >>> words.to_indices(['b', 'x']), words.to_tokens(2)
    ([3, 0], 'c')
    """

    def __init__(
        self,
        counter: Mapping[str, int] | None = None,
        most_freq_count: int | None = None,
        min_freq: int = 1,
        unknown_token: str = "<unk>",
        reserved_tokens: Sequence[str] | None = None,
    ) -> None:
        if min_freq < 1:
            raise AssertionError("`min_freq` must be set to a positive value.")
        if reserved_tokens is not None:
            if unknown_token in reserved_tokens:
                raise AssertionError("`reserved_token` cannot contain `unknown_token`.")
            if len(set(reserved_tokens)) != len(reserved_tokens):
                raise AssertionError("`reserved_tokens` cannot contain duplicate reserved tokens.")
        self._unknown_token = unknown_token
        self._reserved_tokens = None if reserved_tokens is None else list(reserved_tokens)
        self._idx_to_token = [unknown_token, *(reserved_tokens or [])]
        if counter is not None:
            known = set(self._idx_to_token)
            ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
            most = len(ranked) if most_freq_count is None else most_freq_count
            frequent = [word for word, n in ranked if n >= min_freq and word not in known]
            self._idx_to_token += frequent[:most]
        self._token_to_idx = {word: i for i, word in enumerate(self._idx_to_token)}

    def __len__(self) -> int:
        return len(self._idx_to_token)

    @property
    def token_to_idx(self) -> dict[str, int]:
        """Numbers of words."""
        return self._token_to_idx

    @property
    def idx_to_token(self) -> list[str]:
        """Words by number."""
        return self._idx_to_token

    @property
    def unknown_token(self) -> str:
        """What stands for words without a number."""
        return self._unknown_token

    @property
    def reserved_tokens(self) -> list[str] | None:
        """The words from 1 on."""
        return self._reserved_tokens

    @overload
    def to_indices(self, tokens: str) -> int: ...
    @overload
    def to_indices(self, tokens: list[str]) -> list[int]: ...
    def to_indices(self, tokens: str | list[str]) -> int | list[int]:
        """The number of a word, or of each in a list; 0 for those without."""
        if isinstance(tokens, list):
            return [self._token_to_idx.get(t, 0) for t in tokens]
        return self._token_to_idx.get(tokens, 0)

    @overload
    def to_tokens(self, indices: int) -> str: ...
    @overload
    def to_tokens(self, indices: list[int]) -> list[str]: ...
    def to_tokens(self, indices: int | list[int]) -> str | list[str]:
        """The word of a number, or of each in a list.

        Raises
        ------
        ValueError
            A number that no word has.
        """
        for i in indices if isinstance(indices, list) else [indices]:
            if not isinstance(i, int) or not 0 <= i < len(self._idx_to_token):
                raise ValueError(f"Token index {i} in the provided `indices` is invalid.")
        if isinstance(indices, list):
            return [self._idx_to_token[i] for i in indices]
        return self._idx_to_token[indices]
