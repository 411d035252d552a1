"""SelecMix: images mixed with others that contradict the bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from fdd_lightning.algorithms.base import Algorithm, Batch, Clock
from fdd_lightning.algorithms.lff import RelativeDifficulty, lff_loss
from fdd_lightning.losses import gsc_loss
from fdd_lightning.networks import Encoder, NetworkFactory, ResNet18
from fdd_lightning.training import OptimizerFactory
from fdd_lightning.utils.checks import require


def contradicting(similarity: Tensor, same: Tensor, places: Tensor, *, positive: bool) -> Tensor:
    """Return for each image the one that contradicts the bias most (Hwang et al., NeurIPS 2022, section 3.2).

    Args:
        similarity: (n, m), of the images to the candidates, in the space of an encoder that sees the bias.
        same: bool (n, m), whether they have the same label.
        places: int64 (n,), which candidate each image is itself.
        positive: The least similar of the same label; otherwise the most similar of another label.

    Returns:
        int64 (n,); an image without candidates is its own partner. (The published code sets the others' similarity to
        0, so that images of the same label may be taken for contradicting negatives.)
    """
    candidates = same if positive else ~same
    excluded = float("inf") if positive else -float("inf")
    values = similarity.masked_fill(~candidates, excluded)
    chosen = values.argmin(1) if positive else values.argmax(1)
    return torch.where(candidates.any(1), chosen, places)


class SelecMix(Algorithm):
    """Trains on mixes of images with partners that contradict the bias, under the partner's label (vanilla version).

    Hwang et al., *SelecMix: Debiased Learning by Contradicting-pair Sampling*, NeurIPS 2022; ``learner.py`` of its
    code. For a batch one coin is drawn: partners are the least similar images of the same label, or the most similar of
    another one. With lambda uniform in 0..0.5 the mix is lambda x_i + (1 - lambda) x_j, its label that of j, and the
    loss is the mean cross-entropy on mixes. Similarity is the cosine in the space of a contrastive encoder that is
    trained along with the GSC loss on the images as they are; it is always in training mode. Needs no group labels.

    Args:
        pool: Updates that are made of one batch, in which partners are found: it has so many times more images.
        encoder: Architecture of the contrastive encoder's backbone.
        hidden: Width of its head's hidden layer.
        dimension: Length of its embedding.
        temperature: Temperature of the GSC loss.
        q: Exponent of the GSC loss, and of the generalised cross-entropy where there is one.
        encoder_optimizer: The encoder's optimiser.

    Raises:
        ConfigError: A number that must be positive is not.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = SelecMix(MLP, num_classes=10, image_shape=(3, 16, 16), size=1000, encoder=MLP)
        >>> algorithm(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    name = "selecmix"
    memory: ClassVar[tuple[str, ...]] = ("clock",)

    def __init__(
        self,
        network: NetworkFactory,
        *args: Any,
        pool: int = 4,
        encoder: NetworkFactory = ResNet18,
        hidden: int = 512,
        dimension: int = 128,
        temperature: float = 0.2,
        q: float = 0.7,
        encoder_optimizer: OptimizerFactory = Adam,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, *args, **kwargs)
        require({"pool": pool, "temperature": temperature, "q": q}, above=0, of=type(self).__name__)
        self.pool = pool
        self.temperature = temperature
        self.q = q
        self.encoder_optimizer = encoder_optimizer
        self.encoder = Encoder(encoder, self.num_classes, self.network.image_shape, hidden, dimension)
        self.clock = Clock()

    def parts(self) -> list[tuple[OptimizerFactory | None, list[nn.Parameter]]]:
        """Return the classifier's parameters, and the encoder's with their optimiser."""
        own = [value for name, value in self.named_parameters() if not name.startswith("encoder.")]
        return [(None, own), (self.encoder_optimizer, list(self.encoder.parameters()))]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch in which partners are found as well."""
        return next(self.losses(batch, len(batch["target"])))

    def losses(self, batch: Batch, size: int) -> Iterator[Tensor]:
        """Mix the whole batch, then yield the loss of each part of it."""
        mixed, partner = self.mixes(batch["image"], batch["target"], self.clock.generator("mix"))
        labels = self.everyone(batch["target"])[partner]
        for start in range(0, len(labels), size):
            part = slice(start, start + size)
            piece = {key: value[part] for key, value in batch.items()}
            loss = self._mix_loss(mixed[part], labels[part], piece) + self._contrast(piece)
            self.clock.step += 1
            yield loss

    @torch.no_grad()
    def mixes(self, images: Tensor, targets: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mix images with partners that contradict the bias.

        Args:
            images: (n, C, H, W), normalised.
            targets: int64 (n,).
            draws: One coin for all images, and a share for each.

        Returns:
            The mixes (n, C, H, W), and which image each one's partner is, int64 (n,).
        """
        z = self.encoder(images)
        labels, candidates = self.everyone(targets), self.everyone(images)
        places = self.mine(torch.arange(len(labels), device=images.device))
        coin = float(torch.rand(1, generator=draws)) > 0.5
        partner = contradicting(z @ self.everyone(z).T, targets[:, None] == labels, places, positive=coin)
        drawn = 0.5 * torch.rand(len(labels), generator=draws)
        own = self.mine(drawn.to(images.device, images.dtype)).view(-1, 1, 1, 1)
        return own * images + (1 - own) * candidates[partner], partner

    def _mix_loss(self, mixed: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the loss of the classifier."""
        return cross_entropy(self.network(mixed), labels)

    def _contrast(self, batch: Batch) -> Tensor:
        """Return the GSC loss of the encoder on images as they are."""
        z, targets = self.encoder(batch["image"]), batch["target"]
        if not self.shared:
            return gsc_loss(z, targets, self.temperature, self.q)
        rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        gathered = (self.everyone(z), self.everyone(targets))
        everyone, labels = (torch.cat([rows[r::world] for r in range(world)]) for rows in gathered)  # by process
        return gsc_loss(z, targets, self.temperature, self.q, everyone, labels, rank * len(z))


class SelecMixLfF(SelecMix):
    """SelecMix on top of LfF: the loss of LfF plus a tenth of the cross-entropy of the debiased network on mixes.

    See :class:`SelecMix` and :class:`~fdd_lightning.algorithms.lff.LfF`; the version that Cui et al. use.
    Most arguments are theirs.

    Args:
        mix_weight: Weight of the loss on mixes.
        momentum: Weight of the remembered loss when a new one comes in.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = SelecMixLfF(MLP, num_classes=2, image_shape=(3, 16, 16), size=9, encoder=MLP)
        >>> [part for part, _ in algorithm.named_children()]
        ['network', 'encoder', 'clock', 'biased', 'difficulty']
    """

    name = "selecmix_lff"
    memory = ("difficulty", "clock")

    def __init__(
        self, network: NetworkFactory, *args: Any, mix_weight: float = 0.1, momentum: float = 0.7, **kwargs: Any
    ) -> None:
        super().__init__(network, *args, **kwargs)
        require({"mix_weight": mix_weight}, least=0, of="SelecMixLfF")
        self.mix_weight = mix_weight
        self.biased = network(self.num_classes, self.network.image_shape)
        self.difficulty = RelativeDifficulty(self.size, self.num_classes, momentum)

    def _mix_loss(self, mixed: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the losses of both networks on images as they are, and of the debiased one on mixes."""
        loss = lff_loss(self, self.biased, self.difficulty, self.q, batch)
        return loss + self.mix_weight * super()._mix_loss(mixed, labels, batch)
