"""What a layer's name says about the block it is part of, for pictures of graphs."""

from __future__ import annotations

import re

# A name up to its last number that ends a word, or up to its first.
_LAST_NUMBER = re.compile(r"^(.*\d)(?=[_/.]|$)")
_FIRST_NUMBER = re.compile(r"^(.*?\d)(?=[_/.]|$)")


def block_of(name: str) -> str:
    """``block_12`` of ``block_12_expand``; a name without a number is a block of its own."""
    return _up_to(_LAST_NUMBER, name)


def part_of(name: str) -> str:
    """``stage_2`` of ``stage_2_block_12_expand``: coarser than ``block_of``."""
    return _up_to(_FIRST_NUMBER, name)


def _up_to(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.match(name)
    return found.group(1) if found else name
