"""Files that are something else than they should be: what a download or a checkout leaves in a file's place."""

from __future__ import annotations

import re

from tfjslab.base.errors import ModelError

HEAD_BYTES = 512
# How each begins, and what to do about it.
_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"version https://git-lfs\.github\.com/spec/"),
     "a pointer of Git LFS and not the file itself; fetch it with 'git lfs pull'"),
    (re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL),
     "a page of HTML, which servers send in place of a file that they do not have; check the address"),
    (re.compile(rb"\x1f\x8b"), "compressed with gzip; unpack it first"),
    (re.compile(rb"PK\x03\x04"), "a zip archive; unpack it first"),
)


def refuse_stand_in(head: bytes, where: str, role: str) -> None:
    """Raise ModelError (code ``model.stand_in``) when the first bytes of a file are those of something else."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    for begins, found in _KINDS:
        if begins.match(text):
            raise ModelError(f"{where}: this {role} is {found}", code="model.stand_in")
