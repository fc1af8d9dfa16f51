"""Wording shared by error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """` Did you mean `x`?` for the nearest known words, or nothing when none is near."""
    near = difflib.get_close_matches(str(word), [str(k) for k in known], n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(f'`{word}`' for word in near)}?" if near else ""


def one_of(words: Iterable[object]) -> str:
    """`a, b, c`, sorted."""
    return ", ".join(sorted(str(word) for word in words))
