"""CutMix: a rectangle of one image in another, and labels to match."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from fdd_lightning.utils.devices import moved


def cutmix(images: Tensor, others: Tensor, share: float, draws: Generator) -> tuple[Tensor, float]:
    """Paste a rectangle of ``others`` into ``images`` (Yun et al., ICCV 2019).

    Args:
        images: (n, C, H, W).
        others: The same shape.
        share: Area that ``images`` are meant to keep, in 0..1; uniform where beta is 1.
        draws: Draws the rectangle's centre, the same for all images; it is clipped at the borders.

    Returns:
        The mixed images, and the share of the area that was kept.
    """
    edges = []
    for size in images.shape[-2:]:
        half = int(size * (1 - share) ** 0.5) // 2
        centre = int(torch.randint(size, (1,), generator=draws))
        edges.append(slice(max(centre - half, 0), min(centre + half, size)))
    mixed = images.clone()
    mixed[..., edges[0], edges[1]] = others[..., edges[0], edges[1]]
    area = (edges[0].stop - edges[0].start) * (edges[1].stop - edges[1].start)
    return mixed, 1 - area / (images.shape[-2] * images.shape[-1])


def among_themselves(images: Tensor, draws: Generator) -> tuple[Tensor, Tensor, float]:
    """Mix the images of a batch among themselves, beta 1.

    Args:
        images: (n, C, H, W).
        draws: CPU generator: partners, the share to keep, the rectangle.

    Returns:
        The mixed images, which image each one's partner is, int64 (n,), and the share of the area that was kept.
    """
    order, share = torch.randperm(len(images), generator=draws), float(torch.rand(1, generator=draws))
    partner = moved(order, images.device)
    mixed, kept = cutmix(images, images[partner], share, draws)
    return mixed, partner, kept


def mix_batch(batch: dict[str, Tensor], probability: float, num_classes: int, draws: Generator) -> dict[str, Tensor]:
    """Mix the images of a batch among themselves with a probability, beta 1 (IDC: probability one half).

    The cross-entropy with a mixed label is the mix of the two cross-entropies, with which the reference trains.

    Args:
        batch: ``image`` (n, C, H, W) and ``target`` int64 (n,), or ``soft_target`` float (n, num_classes) in its place.
        probability: That the batch is mixed.
        num_classes: Number of classes.
        draws: CPU generator.

    Returns:
        The batch itself, or one with mixed images and ``soft_target``.
    """
    if float(torch.rand(1, generator=draws)) >= probability:
        return batch
    mixed, partner, kept = among_themselves(batch["image"], draws)
    labels = batch.get("soft_target")
    if labels is None:
        labels = one_hot(batch["target"], num_classes).to(mixed.dtype)
    others = labels[partner.to(labels.device)]
    return {**batch, "image": mixed, "soft_target": kept * labels + (1 - kept) * others}


def mix_batches(
    batches: dict[str, Tensor], probability: float, num_classes: int, draws: Sequence[Generator]
) -> dict[str, Tensor]:
    """Mix each of several batches as :func:`mix_batch` does, by its own draws; all get soft labels.

    Args:
        batches: As of :func:`mix_batch`, every entry with one more axis in front.
        probability: That a batch is mixed.
        num_classes: Number of classes.
        draws: CPU generators, one a batch.
    """
    images, labels = [], []
    for number, own in enumerate(draws):
        batch = {key: value[number] for key, value in batches.items()}
        batch.setdefault("soft_target", one_hot(batch["target"], num_classes).to(batch["image"].dtype))
        mixed = mix_batch(batch, probability, num_classes, own)
        images.append(mixed["image"])
        labels.append(mixed["soft_target"])
    return {**batches, "image": torch.stack(images), "soft_target": torch.stack(labels)}
