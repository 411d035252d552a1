"""Pictures of synthetic sets: one by itself, and several beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from fdd_lightning.pictures.layout import (
    BACKGROUND,
    GAP,
    MARGIN,
    Panel,
    lay_out,
    magnification,
    name_width,
    tile,
    to_rgb,
)
from fdd_lightning.utils.files import atomic_path

WIDEST = 1600
"""Pixels up to which sets stand beside each other before another line of them begins."""
MOST_IMAGES = 10
"""Images of a class that are shown of each of several sets."""
IMAGE = 32
"""Pixels that their longer side has at least."""
NARROWEST = 130
"""Pixels that a set has at least, for its title."""
BETWEEN = 18
"""Pixels between two sets."""


def class_panel(
    images: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    *,
    columns: int = 25,
    scale: int | None = None,
    most: int | None = None,
    **look: Any,
) -> Panel:
    """Lay images out with one class per row.

    Args:
        images: Images (N, C, H, W) on a 0..1 scale.
        labels: Class (N,) of each image.
        class_names: One name per row; a class without images leaves an empty one.
        columns: Images side by side before a class continues on another line.
        scale: Whole-number magnification; None chooses one by :func:`magnification`.
        most: Show at most so many images per class, the first ones; None shows all.
        **look: The panel's title and least width.
    """
    rgb = to_rgb(images)
    scale = scale or magnification(*rgb.shape[1:3])
    members = [rgb[(labels == c).nonzero().flatten().numpy()][:most] for c in range(len(class_names))]
    columns = max(1, min(columns, max(map(len, members))))
    rows = [tile(own, columns, max(1, math.ceil(len(own) / columns)), scale) for own in members]
    # Classes that need several lines are set apart by more than the gap between their own lines.
    apart = 4 * GAP if any(len(own) > columns for own in members) else GAP
    picture = np.full((sum(len(row) + apart for row in rows) - apart, rows[0].shape[1], 3), BACKGROUND, dtype=np.uint8)
    names, top = [], 0
    for name, row in zip(class_names, rows, strict=True):
        picture[top : top + len(row)] = row
        names.append((name, top + len(row) / 2))
        top += len(row) + apart
    return Panel(picture, names, **look)


def sets_side_by_side(sets: Mapping[str, tuple[Tensor, Tensor, Sequence[str]]], path: Path) -> Path:
    """Draw synthetic sets beside each other: classes as rows, images enlarged by whole numbers.

    Args:
        sets: The arguments of :func:`class_panel` by the title of the set, at least one; the first images of each class
            are shown, and the title says where there are more.
        path: The PNG to write, which is returned.
    """
    panels = [_set_panel(title, *each) for title, each in sets.items()]
    left = name_width(panels)
    names = [[name for name, _ in panel.names] for panel in panels]
    everywhere = any(each != names[0] for each in names)
    lines: list[list[Panel]] = []
    right = WIDEST
    for panel in panels:
        if right + BETWEEN + left * everywhere + panel.width > WIDEST - MARGIN:
            lines.append([panel])
            right = MARGIN + left + panel.width
            continue
        # Equal names stand once in each line, in front of its first set.
        lines[-1].append(panel if everywhere else replace(panel, names=()))
        right += BETWEEN + left * everywhere + panel.width
    with atomic_path(path) as temporary:
        lay_out(lines, between=BETWEEN).save(temporary, format="png")
    return path


def _set_panel(title: str, images: Tensor, labels: Tensor, class_names: Sequence[str]) -> Panel:
    largest, most = int(labels.bincount().max()), MOST_IMAGES
    title += f", {most} of {largest} images" if largest > most else ""
    scale = magnification(images.shape[-2], images.shape[-1], IMAGE)
    return class_panel(images, labels, class_names, columns=most, scale=scale, most=most, title=title, least=NARROWEST)
