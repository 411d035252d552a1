"""What the stages share in which a weighting says how much each real image counts."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from fdd_lightning.artefacts.doubts import MEANING, SINGLE_IMAGES
from fdd_lightning.artefacts.encoder import BACKBONE, SIBLING, cached_embeddings, load_encoder
from fdd_lightning.configuration.choices import Choice, build, class_path, import_class, is_spec, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.encoder_verdicts import EncoderVerdict
from fdd_lightning.matching.evidence import Evidence, Gallery, evidence_of
from fdd_lightning.matching.judged_by_groups import JudgedByGroups, judge
from fdd_lightning.matching.neighbour_votes import Verdict
from fdd_lightning.matching.weightings import Weighting, WeightMatrix
from fdd_lightning.modules.base import StageModule, fit_kinds

FEW = 4
"""Images of which no more than so many may well count as fewer than two."""


class WeighingModule(StageModule, ABC):
    """Base of the Distiller and its like, and of the experts: sets :attr:`weighting` in ``__init__``.

    Example:
        >>> from fdd_lightning.modules.distiller import Distiller
        >>> Distiller.needs({"weighting": {"class_path": "fdd_lightning.matching.weightings.KDE"}})
        ('encoder',)
    """

    encoder: Path | None = None
    """File of the bias encoder (``--encoder``), for choices that look at embeddings."""

    weighting: Weighting
    real: ImageSet
    embeddings: Tensor | None = None
    encoder_verdict: EncoderVerdict | None = None
    """What the encoder's sibling says of it, where it had one and is read."""

    judged: JudgedByGroups | None = None
    """What the group labels, where there are any, say of weights that a verdict was given on: for people to see."""

    cells: Tensor
    """Training images of each (class, group), int64."""

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the kinds of fit that the class itself or one of its choices asks for.

        Raises:
            ConfigError: The weighting cannot apply (see :meth:`objection`).
        """
        given = complete({"class_path": class_path(cls), "init_args": arguments})["init_args"]
        weighting: Weighting = build(given["weighting"])
        if objection := cls.objection(weighting, given):
            name = given.get("method", cls.__name__.lower())
            raise ConfigError(f"{name} does not take weighting {weighting.name}: {objection}")
        return tuple(kind for kind, fit in fit_kinds().items() if cls.asks(fit.asked_by, given))

    @classmethod
    def objection(cls, weighting: Weighting, arguments: Mapping[str, Any]) -> str:
        """Say why a weighting means nothing to this module, and what to do instead; empty if it can apply.

        Args:
            weighting: The weighting.
            arguments: All arguments of the constructor, choices among them as specs.
        """
        return ""

    @classmethod
    def asks(cls, attribute: str, arguments: Mapping[str, Any]) -> bool:
        """Tell whether the class or one of its choices has an attribute such as ``needs_embeddings``.

        Args:
            attribute: The attribute.
            arguments: All arguments of the constructor, choices among them as specs.
        """
        return bool(getattr(cls, attribute, False)) or any_choice(arguments, attribute)

    @classmethod
    def reads_groups(cls, arguments: Mapping[str, Any]) -> bool:
        """Tell whether the weighting or another choice reads true group labels.

        Args:
            arguments: All arguments of the constructor, choices among them as specs.
        """
        return any_choice(arguments, "needs_groups")

    def check(self) -> None:
        """Refuse a choice whose input is missing.

        Raises:
            ConfigError: With the way out.
        """
        for flag in self.inputs():
            if getattr(self, flag, None) is None:
                fit = fit_kinds()[flag]
                readers = [type(choice).__name__ for choice in self.choices(fit.asked_by)]
                reader = " and ".join(readers) or getattr(self, "method", type(self).__name__)
                raise ConfigError(f"{reader} reads {fit.what}: {fit.advice}")

    def setup(self, stage: str) -> None:
        """Take the real images and, where they are asked for, their embeddings."""
        if stage == "fit":
            self.check()
            data = self.data
            self.real = self.real_images()
            if self.weighting.needs_groups and data.num_groups < 2:
                raise ConfigError(
                    f"weighting {type(self.weighting).__name__} needs at least two groups, data set {data.name} has "
                    f"{data.num_groups}: use weighting Vote, KDE or Vanilla, or infer groups (its argument groups)"
                )
            self.cells = self.real.cells(data.num_classes, data.num_groups)
            if bool((self.cells.sum(1) == 0).any()):
                name = data.class_names[int(self.cells.sum(1).argmin())]
                raise ConfigError(f"class {name!r} of data set {data.name} has no training image: leave the class out")
            for flag, fit in fit_kinds().items():
                for choice in self.choices(fit.asked_by):
                    choice.take(flag, getattr(self, flag))
            self.embeddings = self.read_embeddings()
            self._inherit_warnings()
            self._show_all()
        super().setup(stage)

    def _inherit_warnings(self) -> None:
        """Take over what is doubtful about the input files."""
        for flag in self.inputs():
            if getattr(self, flag) is None:  # a class of the user's own does without
                continue
            for word in fit_kinds()[flag].warnings_of(getattr(self, flag)):
                self.warn(word, f"--{flag} {getattr(self, flag)}: {MEANING.get(word, word)}")

    def watch(self, weights: WeightMatrix, index: Tensor) -> None:
        """Look at the weights of real images of one class: refuse what is not finite, warn where one carries all.

        Raises:
            NotFiniteError: They are not finite.
        """
        name = self.data.class_names[int(self.real.targets[index[0]])]
        advice = "take another weighting, or look at what it reads"
        self.require_finite({f"the weights of class {name} by {self.weighting.name}": weights.rows}, advice)
        if len(index.unique()) > FEW and (size := float(weights.effective_sample_size(index))) < 2 - 1e-9:
            told = f"of {len(index)} images of class {name} an effective {size:.2f} count: {MEANING[SINGLE_IMAGES]}"
            self.warn(SINGLE_IMAGES, told)

    def _show_all(self) -> None:
        """Let the weighting look at all images and say what it found."""
        self.show_training_set(self.weighting, self.gallery(self.weighting.needs_sources))
        if self.weighting.verdict is not None:
            self.judged = self._judge()
            if self.judged is not None:
                self.tell(self.judged.words)

    def _judge(self) -> JudgedByGroups | None:
        """Hold the weights over whole classes against the group labels; None where these say nothing of alignment."""
        if (aligned := self.data.alignment) is None:
            return None
        groups, classes = self.real.groups.cpu(), range(self.data.num_classes)
        members = [self.real.members(target).cpu() for target in classes]
        weights = [self.weigh(index).mixed().rows[0].cpu() for index in members]
        return judge(weights, [~aligned[target][groups[members[target]]] for target in classes])

    def gallery(self, with_sources: bool = False) -> Gallery:
        """Return the real images as a whole, without their groups."""
        encoder, device = self.encoder, self.trainer.strategy.root_device
        blind, fingerprint = self.real.without_groups(), self.real_fingerprint()
        backbone = partial(cached_embeddings, encoder, blind, fingerprint, device, of=BACKBONE) if encoder else None
        return Gallery(
            blind,
            self.data.num_classes,
            self.seed,
            device,
            self.embeddings,
            fingerprint,
            self.data.sources if with_sources else None,
            backbone,
        )

    @property
    def verdict(self) -> Verdict | EncoderVerdict | None:
        """What can be said without group labels of the signal that weighs; None where nothing is judged."""
        return self.encoder_verdict if self.weighting.verdict is None else self.weighting.verdict

    def read_embeddings(self) -> Tensor | None:
        """Return the embeddings of the real images, where they are asked for and an encoder is given."""
        encoder, device = self.encoder, self.trainer.strategy.root_device
        if encoder is None or "encoder" not in self.inputs():
            return None
        correlation = load_encoder(encoder)[1].get("densities", {}).get(SIBLING)
        if correlation is not None:
            self.encoder_verdict = EncoderVerdict(correlation)
            self.tell(self.encoder_verdict.words)
        return self.once(lambda: cached_embeddings(encoder, self.real, self.real_fingerprint(), device)).to(device)

    def choices(self, attribute: str) -> list[Choice]:
        """Return the choices of this module that have an attribute such as ``needs_embeddings``."""
        held = [each for value in vars(self).values() for each in (value if isinstance(value, list) else [value])]
        return [each for each in held if isinstance(each, Choice) and getattr(each, attribute, False)]

    def inputs(self) -> tuple[str, ...]:
        """Return the input files that are read, by their flags."""
        given = {"weighting": self.weighting, **{k: v for k, v in self.hparams.items() if not k.startswith("_")}}
        return self.needs({k: spec_of(v) for k, v in given.items()})

    def real_images(self) -> ImageSet:
        """Return the images that are weighed: the training set."""
        return self.data.train

    def real_fingerprint(self) -> str:
        """Return what names exactly these images."""
        return self.data.train_fingerprint

    def evidence(self, index: Tensor) -> Evidence:
        """Return what the weighting may know of real images of one class: nothing that it does not ask for.

        Args:
            index: int64 (n,), places in the training set.
        """
        return evidence_of(index, self.weighting, self.real, self.cells, self.embeddings)

    def weigh(self, index: Tensor) -> WeightMatrix:
        """Return W of real images of one class, by their places."""
        weights = self.weighting(self.evidence(index))
        self.watch(weights, index)
        return weights

    def inherited_settings(self) -> dict[str, Any]:
        """Return the settings that stand in the rows and come with the input files."""
        read = {flag: getattr(self, flag, None) for flag in self.inputs()}
        parts = [fit_kinds()[flag].settings_of(path) for flag, path in read.items() if path is not None]
        return {key: value for part in parts for key, value in part.items()}


def require_images(needed: int, counts: Sequence[int], data: BaseDataModule) -> None:
    """Check that every class of a data set has enough training images.

    Raises:
        ConfigError: One has fewer; the line names it.
    """
    small = [(name, count) for name, count in zip(data.class_names, counts, strict=True) if count < needed]
    if small:
        name, count = small[0]
        more = f" ({len(small)} classes are too small)" if len(small) > 1 else ""
        raise ConfigError(
            f"class {name} has {count} training image{'s' * (count != 1)} in data set {data.name}, fewer than the "
            f"{needed} that are taken of each class{more}: lower images_per_class, add images, leave the class out, or "
            "distil from noise (initialiser Noise)"
        )


def any_choice(value: Any, attribute: str) -> bool:
    """Tell whether any choice in some arguments has an attribute set, such as ``needs_embeddings``."""
    if is_spec(value):
        cls = import_class(value["class_path"])
        # Built, as what a choice needs may depend on its arguments.
        if getattr(build(value) if issubclass(cls, Choice) else cls, attribute, False):
            return True
        value = value.get("init_args") or {}
    if isinstance(value, Mapping):
        return any(any_choice(part, attribute) for part in value.values())
    return isinstance(value, list | tuple) and any(any_choice(part, attribute) for part in value)
