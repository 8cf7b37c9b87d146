"""Which utterances bring one message to a reader, and which tell that there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

from notebooks.analysis.runs import BrokenRun
from notebooks.analysis.wire.anatomy import Utterance, utterances
from notebooks.analysis.wire.captures import Capture
from notebooks.analysis.wire.meaning import NEWS, NOTHING, lines_of, meaning

READER = 1
MESSAGE = NEWS["message", ""]
PUBLISHING = "API to push service"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said for one purpose, in order, and how much of it is content and how much is form."""

    slug: str
    said: tuple[Utterance, ...]

    @property
    def size(self) -> int:
        return sum(each.size for each in self.said)

    @property
    def content_bytes(self) -> int:
        return sum(len(each.content) for each in self.said)

    @property
    def form_bytes(self) -> int:
        return self.size - self.content_bytes


def one_message(capture: Capture) -> Exchange:
    """Return what brought the first message that came alone: its question, if an answer did, and its publishing."""
    everything = utterances(capture)
    told = _first(capture, everything, MESSAGE)
    published = [each for each in everything if each.line.link == PUBLISHING and each.at_s < told.at_s and each.up]
    before = _with_answer(everything, published[-1]) if published else []
    return Exchange(capture.slug, (*before, *question(everything, told), told))


def empty_poll(capture: Capture) -> Exchange:
    """Return a question that was answered with nothing; raise BrokenRun where there was none."""
    everything = utterances(capture)
    told = _first(capture, everything, NOTHING)
    return Exchange(capture.slug, (*question(everything, told), told))


def _first(capture: Capture, everything: Sequence[Utterance], wanted: str) -> Utterance:
    own = lines_of(READER, everything)
    for said in everything:
        alone = said.content.count(b"kind") <= 1
        if not said.up and said.at_s >= 0 and said.line in own and meaning(said) == wanted and alone:
            return said
    raise BrokenRun(f"the capture of {capture.slug} holds no answer that says: {wanted}")


def question(everything: Sequence[Utterance], told: Utterance) -> list[Utterance]:
    """Return the question of an answer; nothing for what was pushed."""
    asked = [each for each in everything if each.line == told.line and each.up and each.at_s <= told.at_s]
    return asked[-1:] if told.kind == "answer" else []


def _with_answer(everything: Sequence[Utterance], asked: Utterance) -> list[Utterance]:
    """Return a question with its answer, which follows on the same line."""
    line = [each for each in everything if each.line == asked.line and each.at_s >= asked.at_s and not each.up]
    return [asked, *line[:1]]
