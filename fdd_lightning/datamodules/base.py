"""What every data module owes: facts readable before set-up, a cached construction, batches as dicts.

A new data set is one new file: its construction, on the builders of :mod:`fdd_lightning.datasets`, and its data module,
chosen by class path. Its menu entry is ``configs/data/NAME.yaml``, NAME being the module's ``name``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from fdd_lightning.configuration import defaults
from fdd_lightning.configuration.choices import class_path
from fdd_lightning.configuration.row_settings import differences, reference
from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.datasets import ImageSet, Split, cache
from fdd_lightning.datasets.assignment import all_but, stratified_cut
from fdd_lightning.datasets.association import Association, association
from fdd_lightning.datasets.cache import Manifest, conflict_ratio
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils import files, paths, rng
from fdd_lightning.utils.checks import require


class BaseDataModule(LightningDataModule, ABC):
    """Base of all data modules: builds into the cache once, then reads memory-mapped bytes.

    A subclass states the facts below (as class attributes, or as properties where they depend on arguments) and
    :meth:`build`; everything else is done here. Batches are dicts with the keys ``image`` (float32, normalised,
    (n, C, H, W)), ``target``, ``group`` and ``index`` (int64, (n,)).

    Attributes:
        name: Row name of the data set; as the class has it, the stem of its file in ``configs/data`` (:attr:`entry`).
        construction: Version of the construction, raised with every change of code that changes the bytes.
        determines: Init arguments that, with the entry and the version, determine the bytes.
        later: Those of them that came after data sets were built without: at their defaults nobody names them, so that
            what was built and written before stays what it is.
        least_in_cell: Test images of a (class, group) cell from which on it is judged by itself, in gaps and as the
            worst; published protocols judge every cell.
        locations: Init arguments that say where files of the user's own lie; a file from elsewhere may not.
        reads_root: Whether source files are read (a missing root is then an error even if the cache is there).

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of all that the construction draws, of the validation cut and of the order of training batches.
        conflict_ratio: Nominal share of bias-conflicting training images; None for the unbiased twin, and for sets
            whose bias is natural.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder of the source files, instead of the data root; they lie in it as they do there.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> data = ColoredDigits(conflict_ratio=0.05)
        >>> data.parameters
        {'construction': 1, 'conflict_ratio': 0.05, 'seed': 0}
    """

    menu: ClassVar[str] = "data"
    place: ClassVar[str] = "data"
    name: str
    construction: int = 1
    determines: tuple[str, ...] = ("conflict_ratio", "seed")
    later: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    least_in_cell: int = 1
    reads_root: bool = True

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = None,
        validation: float = 0.0,
        root: str | None = None,
    ) -> None:
        super().__init__()
        require({"batch_size": batch_size}, least=1, of=f"{self.name}:")
        require({"conflict_ratio": conflict_ratio}, least=0, most=1, of=f"{self.name}:")
        if not 0 <= validation < 1:
            raise ConfigError(
                f"{self.name}: validation={validation}: a share of the training images, at least 0, below 1"
            )
        self.batch_size = batch_size
        self.seed = seed
        self.conflict_ratio = conflict_ratio
        self.validation = validation
        self.root = root
        self._manifest: Manifest | None = None
        self._sets: dict[str, ImageSet] = {}
        self._kept: Tensor | None = None  # places of the training images in the built split, where some are set aside
        self._states: dict[Path, str | None] = {}
        self._in_place: Path | None = None  # the cache folder whose source files were found

    # Facts, readable before set-up.

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    @abstractmethod
    def group_names(self) -> tuple[str, ...]:
        """Names of the protected attribute's values."""

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image, (C, H, W)."""

    @property
    @abstractmethod
    def mean(self) -> tuple[float, ...]:
        """Mean that images are normalised with, per channel, on the 0..1 scale."""

    @property
    @abstractmethod
    def std(self) -> tuple[float, ...]:
        """Standard deviation that images are normalised with, per channel, on the 0..1 scale."""

    @property
    @abstractmethod
    def licence(self) -> str:
        """One line about the source of the images."""

    @property
    def aligned(self) -> Tensor | None:
        """Which (class, group) cells are bias-aligned by construction: bool mask; None if that means nothing."""
        return None

    @property
    def entry(self) -> str:
        """Name of the menu's entry, by which cache and files know the data set, whatever its rows are called."""
        return type(self).name

    @property
    def own_source(self) -> str:
        """What images of the user's own are read from, in short; empty for published ones, which a name tells apart."""
        return ""

    @property
    def own_paths(self) -> list[Path]:
        """Files and folders of the user's own that images and labels are read from: nothing is written there."""
        return []

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return len(self.group_names)

    @property
    def parameters(self) -> dict[str, Any]:
        """What, with the entry, determines the bytes: the construction's version and what ``determines`` lists."""
        unsaid = {key for key in self.later if self.argument(key) == defaults.parameters(type(self))[key].default}
        told = {key: self.argument(key) for key in self.determines if key not in unsaid}
        return {"construction": self.construction, **told}

    @property
    def described(self) -> dict[str, Any]:
        """What a file says of the data set that it was made from; known before set-up."""
        return {
            "dataset": self.name,
            "data_entry": self.entry,
            "data_parameters": self.parameters,
            "conflict_ratio": self.conflict_ratio,
            "class_names": list(self.class_names),
            "group_names": list(self.group_names),
            "image_shape": list(self.image_shape),
            "mean": list(self.mean),
            "std": list(self.std),
        }

    def argument(self, key: str) -> Any:
        """Return an argument of :attr:`determines`; overridden where the attribute of that name is something else."""
        return getattr(self, key)

    @property
    def settings(self) -> dict[str, Any]:
        """How the images trained and tested on differ from the menu's entry, by argument.

        Where and how they are read is no part of that.
        """
        spec = {"class_path": class_path(type(self)), "init_args": {**self.parameters, "validation": self.validation}}
        how = {"root", "batch_size", "download", "construction"}
        settings = {k: v for k, v in differences(spec, reference(spec, self.entry)).items() if k not in how}
        draws = "seed" in self.determines or self.validation > 0
        return settings | ({"seed": self.seed} if draws and self.seed else {})

    @classmethod
    def arguments(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Turn :attr:`parameters` (from a file, say) back into init arguments.

        Raises:
            ConfigError: They belong to another version of the construction, or to another data set.
        """
        arguments = dict(parameters)
        version = arguments.pop("construction", None)
        if version != cls.construction:
            raise ConfigError(
                f"{cls.name} was built by version {version} of its construction, this code has version "
                f"{cls.construction}: use the release that made it, or name the data by --data"
            )
        strange = set(arguments) ^ (set(cls.determines) & set(defaults.parameters(cls)))
        strange -= set(cls.later) - set(arguments)
        if strange:
            raise ConfigError(f"{cls.name}: these construction parameters do not fit: {', '.join(sorted(strange))}")
        return arguments

    @classmethod
    def places(cls, arguments: Mapping[str, Any]) -> list[str]:
        """Return which of some arguments name a place where files of the user's own lie."""
        return [name for name in cls.locations if arguments.get(name) is not None]

    # Source and construction.

    def source_state(self) -> str | None:
        """Return what tells one state of the source files from another: it becomes part of the cache folder's name.

        None, the default, for sources that are the same everywhere, such as the official files of MNIST; for folders of
        images see :func:`~fdd_lightning.datasets.image_files.listing`.

        Raises:
            DatasetNotFoundError: The source files are not there.
        """
        return None

    @abstractmethod
    def build(self) -> dict[str, Split]:
        """Construct the splits ``train`` and ``test``, a pure function of the source files and :attr:`parameters`."""

    def check_source(self) -> None:
        """Check, without reading them, that the source files are there.

        Raises:
            DatasetNotFoundError: They are not; the line says what was looked for, where, and the ways out.
        """

    def source(self) -> Path:
        """Return the folder of the source files: ``root``, or the data root.

        Raises:
            DatasetNotFoundError: It does not exist.
        """
        if self.root is None:
            return paths.require_data_root()
        if not Path(self.root).is_dir():
            raise DatasetNotFoundError(
                f"{self.name}: root={self.root!r} does not exist: pass the folder of the source files"
            )
        return Path(self.root)

    @property
    def cache_folder(self) -> Path:
        """The folder that the built set lies in, or will lie in."""
        # A folder of images is listed once for each object, not at every step from here to the opened set.
        root = Path(self.root or paths.data_root())
        if root not in self._states:
            self._states[root] = self.source_state()
        state = self._states[root]
        key = files.fingerprint(self.parameters if state is None else [self.parameters, state])
        return paths.cache_root() / f"{self.entry}-{key[:12]}"

    @property
    def missing(self) -> str | None:
        """Why the data cannot be had, in one line; None if it is built already or can be."""
        try:
            self._checked_folder()
        except FDDError as error:
            return str(error)
        return None

    def _checked_folder(self) -> Path:
        """Return the cache folder, with the source files in place where it is not built yet."""
        if self.reads_root:
            self.source()
        folder = self.cache_folder
        if not folder.is_dir() and self._in_place != folder:
            self.check_source()
            self._in_place = folder  # a folder of images is gone through once for each object
        return folder

    def class_counts(self) -> list[int] | None:
        """Return how many training images each class has at most, where that is known without building; or None."""
        if not self.cache_folder.is_dir():
            return None
        return [sum(row) for row in cache.read_manifest(self.cache_folder)["cells"]["train"]]

    def built_sources(self) -> Tensor | None:
        """Return :attr:`sources` of the whole training split, before any of it is set aside for validation."""
        return None

    def image_names(self) -> list[str] | None:
        """Return the names of the training images' files, in their order, once set up; None if they have none."""
        return None

    def bound(self, images: ImageSet) -> Tensor | None:
        """Return which training images must not be parted by the validation cut: int64 (N,), equal numbers together.

        None, the default, lets each be drawn by itself.
        """
        return None

    # Lightning's hooks.

    def prepare_data(self) -> None:
        """Build the set into the cache if it is not there; assigns nothing, harmless in several processes at once."""
        folder = self._checked_folder()
        if folder.is_dir():
            return
        cache.write(
            folder,
            self.build(),
            dataset=self.entry,
            parameters=self.parameters,
            class_names=self.class_names,
            group_names=self.group_names,
            image_shape=self.image_shape,
            aligned=self.aligned,
        )

    def setup(self, stage: str | None = None) -> None:
        """Open the built set (building it if need be) and cut the validation part; the same for every stage."""
        self.prepare_data()
        manifest, splits = cache.read(self.cache_folder, self.entry, self.parameters)
        sets = {}
        for split, part in splits.items():
            images = part.images
            if not isinstance(images, Tensor) or images.shape[1:] != self.image_shape:
                raise ConfigError(f"{self.name}: cached images are not {self.image_shape}: delete {self.cache_folder}")
            sets[split] = ImageSet(images, part.targets, part.groups, self.mean, self.std)
        if self.validation:
            train = sets["train"]
            strata = train.targets * self.num_groups + train.groups
            count = round(self.validation * len(train))
            cut = stratified_cut(strata, count, rng.generator(self.seed, "validation"), self.bound(train))
            self._kept = all_but(cut, len(train))
            sets["train"], sets["val"] = train.subset(self._kept), train.subset(cut)
        self._manifest, self._sets = manifest, sets

    def verify(self) -> Manifest:
        """Check the built set against its manifest to the last byte, and the manifest against the facts.

        Raises:
            FileFormatError: Something differs.
        """
        manifest = cache.verify(self.cache_folder, self.entry, self.parameters)
        facts = {
            "classes": list(self.class_names),
            "groups": list(self.group_names),
            "conflict_ratio": conflict_ratio(torch.tensor(manifest["cells"]["train"]), self.aligned),
        }
        for key, value in facts.items():
            if manifest[key] != value:  # type: ignore[literal-required]
                raise FileFormatError(
                    f"the manifest in {str(self.cache_folder)!r} has another {key} than this data set: delete the "
                    "folder to build it again"
                )
        return manifest

    # What set-up gives.

    @property
    def train(self) -> ImageSet:
        """The training images."""
        return self._split("train")

    @property
    def sources(self) -> Tensor | None:
        """What each training image was made from, int64 (N,), equal for images that share it; None where none do."""
        built = self.built_sources()
        return built if built is None or self._kept is None else built[self._kept]

    @property
    def val(self) -> ImageSet | None:
        """The validation images, if a share was set aside."""
        return self._split("val") if self.validation else None

    @property
    def test(self) -> ImageSet:
        """The test images."""
        return self._split("test")

    @property
    def manifest(self) -> Manifest:
        """The manifest of the built set."""
        if self._manifest is None:
            raise self._not_set_up()
        return self._manifest

    @property
    def association(self) -> Association:
        """How much class and group go together in the built training split."""
        return association(torch.tensor(self.manifest["cells"]["train"]))

    @property
    def alignment(self) -> Tensor | None:
        """Which cells count as bias-aligned, bool mask: by construction, else each class's largest training cell.

        None where that means nothing: there are no groups, or class and group are not associated.
        """
        if self.aligned is not None or self.num_groups < 2:
            return self.aligned
        return self.association.majority()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over entry, parameters and bytes: equal fingerprints, equal images."""
        return files.fingerprint([self.entry, self.parameters, self.manifest["sha256"]])

    @property
    def train_fingerprint(self) -> str:
        """SHA-256 of exactly the training images: :attr:`fingerprint`, and what of them is set aside for validation."""
        if not self.validation:
            return self.fingerprint
        return files.fingerprint([self.fingerprint, self.validation, self.seed])

    def _split(self, split: str) -> ImageSet:
        if split not in self._sets:
            raise self._not_set_up()
        return self._sets[split]

    def _not_set_up(self) -> ConfigError:
        return ConfigError(f"{self.name} is not set up: call prepare_data() and setup() first")

    # Loaders.

    def train_dataloader(self) -> BatchLoader | range:
        """Return shuffled training batches; a trainer that resumes gets them from where it stopped.

        A module that asks for images by index (``draws_own_batches``) gets its step numbers instead.
        """
        module = self.trainer.lightning_module if self.trainer is not None else None
        if getattr(module, "draws_own_batches", False):
            return range(module.num_steps)  # type: ignore[union-attr, arg-type]
        start = self._batches_trained if self.trainer is not None else None
        return BatchLoader(self.train, self.batch_size, True, self.seed, "training batches", start=start)

    def val_dataloader(self) -> BatchLoader | list[BatchLoader]:
        """Return validation batches; an empty list if no share was set aside."""
        return (
            [] if self.val is None else BatchLoader(self.val, self.batch_size, False, self.seed, "validation batches")
        )

    def test_dataloader(self) -> BatchLoader:
        """Return test batches, in order; as large as a module wants them (``test_batch_size``)."""
        module = self.trainer.lightning_module if self.trainer is not None else None
        wanted: int | None = getattr(module, "test_batch_size", None)
        return BatchLoader(self.test, wanted or self.batch_size, False, self.seed, "test batches")

    def _batches_trained(self) -> int:
        """Count the batches that the attached trainer has worked off.

        Not those it has begun: a batch that an exception cut short is done again.
        """
        if self.trainer is None:
            return 0
        total: Any = self.trainer.fit_loop.epoch_loop.batch_progress.total  # Lightning annotates its base class
        return int(total.processed)
