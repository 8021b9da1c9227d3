"""Answers are cleaned, or refused for a reason."""

from __future__ import annotations

import json

import pytest

from geomeld_build.captions.vision.answer import Usage, read_answer


def answer(*contents: str | None, reason: str = "stop") -> bytes:
    choices = [{"index": at, "message": {"content": text}, "finish_reason": reason} for at, text in enumerate(contents)]
    return json.dumps(
        {"choices": choices, "usage": {"prompt_tokens": 5, "completion_tokens": 7}, "model": "m"}
    ).encode()


TEXT = "Forest covers half of this quiet tile."


@pytest.mark.parametrize(
    "said",
    [
        TEXT,
        f'"{TEXT}"',
        f"Here is a description of the image: {TEXT}",
        f"**Caption:** {TEXT}",
        f"<think>It is green, so...</think>\n\n{TEXT}",
        "Forest covers half\nof this   quiet tile.",
        "- **Forest** covers half of this _quiet_ tile.",
    ],
)
def test_texts_are_cleaned(said: str) -> None:
    found = read_answer(answer(said))
    assert found.texts == (TEXT,)
    assert (found.usage, found.model) == (Usage(5, 7), "m")


def test_answers_that_were_cut_off_keep_their_whole_sentences() -> None:
    assert read_answer(answer(f"{TEXT} A river runs from", reason="length")).texts == (TEXT,)
    assert read_answer(answer("Forest covers 3.5 percent of this", reason="length")).problems == ("truncated answer",)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (answer(""), "empty answer"),
        (answer(None), "empty answer"),
        (answer("Trees."), "answer of 1 words"),
        (answer("word " * 200), "answer of 200 words"),
        (b"{}", "invalid answer: KeyError"),
        (b'{"choices": [7]}', "invalid answer: AttributeError"),
        (b"[]", "invalid answer: TypeError"),
    ],
)
def test_what_is_no_text_is_a_problem(raw: bytes, problem: str) -> None:
    found = read_answer(raw)
    assert found.texts == ()
    assert found.problems == (problem,)


def test_equal_choices_are_one() -> None:
    assert read_answer(answer(TEXT, TEXT, "Another text about the same quiet tile.")).texts[0] == TEXT
    assert len(read_answer(answer(TEXT, TEXT)).texts) == 1
