"""The texts of messages: English prose, since what a compressor saves depends on the text.

Teaches not to measure compression on text that repeats itself. The prose is that of Python's own manual, which every
Python has; a message is a passage of it. Pure.
"""

import re
from functools import cache
from pydoc_data.topics import topics
from random import Random

WORD = re.compile(r"[A-Za-z]+'?[a-z]*[.,;?!]?")  # no examples, no grammar, nothing that JSON would escape


def text_of(length: int, seed: str) -> str:
    """Return a passage of `length` characters, each of one byte, chosen at random by the seed."""
    prose = _prose()
    begin = Random(seed).randrange(len(prose) - length)
    return prose[begin : begin + length]


@cache
def _prose() -> str:
    return " ".join(filter(WORD.fullmatch, " ".join(topics.values()).split()))
