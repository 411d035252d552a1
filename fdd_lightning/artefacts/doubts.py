"""What may be doubtful about a finished result: the words that stand as ``warnings`` in rows and artefacts."""

from __future__ import annotations

from collections.abc import Iterable

AT_CHANCE = "at chance"
SINGLE_IMAGES = "single images"
BLIND_ENCODER = "blind encoder"
CHANGED_IMAGES = "changed images"

MEANING = {
    AT_CHANCE: "a network learned nothing: no more of its own training images are right than by chance",
    SINGLE_IMAGES: "the weights of a class rest on fewer than two images (effective sample size), chance decides",
    BLIND_ENCODER: "the bias encoder tells no images of a class apart, so its densities weigh as vanilla does",
    CHANGED_IMAGES: "the images have changed since the set was made of them: some of those may be in the test now",
}
"""What each word means, as part of a sentence."""


def in_sentences(words: Iterable[str]) -> list[str]:
    """Return what each of some words means, once; words of others stand for themselves.

    Example:
        >>> in_sentences(["mine", "mine"])
        ['mine']
    """
    return [f"{word}: {MEANING[word]}" if word in MEANING else word for word in dict.fromkeys(words)]
