"""What every data module owes, as a base class of tests: a new data set adds a subclass with its class and source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths


class DataModuleContract:
    """Subclass, name it ``Test...``, set ``kind``, and override ``write_source`` where files are read."""

    kind: ClassVar[type[BaseDataModule]]
    twin: ClassVar[bool] = True
    """Whether ``conflict_ratio=None`` makes an unbiased twin."""
    ways_out: ClassVar[tuple[str, ...]] = ("FDD_DATA", "root", "download")
    """What the line about a missing source must name, beside the folder looked in."""

    def write_source(self, root: Path) -> None:
        """Write a miniature of the source files below ``root``."""

    @pytest.fixture(autouse=True)
    def places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A data root with the miniature, and an empty cache."""
        root = tmp_path / "data"
        if self.kind.reads_root:
            root.mkdir()
            self.write_source(root)
        monkeypatch.setenv("FDD_DATA", str(root))
        monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
        return root

    @pytest.fixture
    def data(self) -> BaseDataModule:
        data = self.kind()
        data.prepare_data()
        data.setup("fit")
        return data

    def test_facts_are_readable_before_set_up(self):
        data = self.kind()
        assert data.num_classes == len(data.class_names) == len(set(data.class_names))
        assert data.num_groups == len(data.group_names) == len(set(data.group_names))
        assert len(data.image_shape) == 3
        assert len(data.mean) == len(data.std) == data.image_shape[0]
        assert data.licence
        assert "\n" not in data.licence
        assert json.loads(json.dumps(data.parameters)) == data.parameters
        if data.aligned is not None:
            assert data.aligned.shape == (data.num_classes, data.num_groups)
            assert data.aligned.dtype == torch.bool
        assert data.missing is None
        assert not data.cache_folder.exists()
        for attribute in ("train", "test", "manifest", "fingerprint"):
            with pytest.raises(ConfigError, match="setup"):
                getattr(data, attribute)

    def test_parameters_turn_back_into_arguments(self):
        data = self.kind(seed=3)
        again = self.kind(**self.kind.arguments(data.parameters))
        assert again.parameters == data.parameters
        assert again.cache_folder == data.cache_folder
        for wrong in ({"construction": 0}, {"strange": 1}):
            with pytest.raises(ConfigError) as caught:
                self.kind.arguments(data.parameters | wrong)
            assert self.kind.name in str(caught.value)

    def test_preparing_assigns_nothing_and_is_idempotent(self):
        data = self.kind()
        before = dict(vars(data))
        data.prepare_data()
        assert {**vars(data), "_in_place": None} == before  # what was looked up is no state
        manifest = data.cache_folder / "manifest.json"
        built = manifest.stat().st_mtime_ns
        data.prepare_data()
        assert manifest.stat().st_mtime_ns == built
        assert [path.name for path in paths.cache_root().iterdir()] == [data.cache_folder.name]

    def test_set_up_is_idempotent_and_builds_if_need_be(self):
        data = self.kind()
        data.setup("fit")
        first = data.train.images.clone(), data.train.targets, data.fingerprint
        data.setup("test")
        assert torch.equal(first[0], data.train.images)
        assert torch.equal(first[1], data.train.targets)
        assert data.fingerprint == first[2]

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_batches_are_dicts_of_normalised_floats(self, data, split):
        loader = getattr(data, f"{split}_dataloader")()
        whole = getattr(data, split)
        seen = []
        for batch in loader:
            n = len(batch["index"])
            assert set(batch) == {"image", "target", "group", "index"}
            assert batch["image"].dtype == torch.float32
            assert batch["image"].shape == (n, *data.image_shape)
            assert all(
                batch[key].dtype == torch.int64 and batch[key].shape == (n,) for key in ("target", "group", "index")
            )
            assert torch.equal(whole.targets[batch["index"]], batch["target"])
            assert torch.equal(whole.groups[batch["index"]], batch["group"])
            seen.append(batch["index"])
        assert torch.cat(seen).sort().values.tolist() == list(range(len(whole)))
        pixels = whole.pixels(batch["index"]).double() / 255
        mean, std = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (data.mean, data.std))
        torch.testing.assert_close(batch["image"].double(), (pixels - mean) / std, atol=1e-5, rtol=0)

    def test_training_is_shuffled_and_testing_is_not(self, data):
        first = next(iter(data.train_dataloader()))["index"]
        assert first.tolist() != sorted(first.tolist())
        assert next(iter(data.test_dataloader()))["index"].tolist() == list(range(min(data.batch_size, len(data.test))))

    def test_manifest_counts_what_is_there(self, data):
        manifest = data.manifest
        assert manifest["dataset"] == self.kind.name
        assert manifest["parameters"] == data.parameters
        assert manifest["seed"] == data.seed
        assert manifest["classes"] == list(data.class_names)
        assert manifest["groups"] == list(data.group_names)
        for split, images in (("train", data.train), ("test", data.test)):
            cells = [[0] * data.num_groups for _ in range(data.num_classes)]
            for target, group in zip(images.targets.tolist(), images.groups.tolist(), strict=True):
                cells[target][group] += 1
            assert manifest["cells"][split] == cells
        if data.aligned is None:
            assert manifest["conflict_ratio"] is None
        else:
            hits = data.aligned[data.train.targets, data.train.groups]
            assert manifest["conflict_ratio"] == pytest.approx(1 - hits.double().mean().item(), abs=1e-12)
        assert data.verify() == manifest

    def test_the_seed_decides(self, data):
        other = self.kind(seed=1)
        other.setup()
        assert other.cache_folder != data.cache_folder
        assert other.fingerprint != data.fingerprint
        again = self.kind()
        again.setup()
        assert again.fingerprint == data.fingerprint
        assert len(data.fingerprint) == 64

    def test_rebuilt_elsewhere_the_bytes_are_the_same(self, data, tmp_path, monkeypatch):
        monkeypatch.setenv("FDD_CACHE", str(tmp_path / "second"))
        again = self.kind()
        again.setup()
        assert again.manifest == data.manifest
        assert again.fingerprint == data.fingerprint

    def test_validation_is_cut_from_training(self, data):
        assert data.val is None
        assert data.val_dataloader() == []
        cut = self.kind(validation=0.2)
        cut.setup()
        assert cut.fingerprint == data.fingerprint  # the same build
        assert cut.val is not None
        assert len(cut.val) + len(cut.train) == len(data.train)
        assert len(cut.val) <= round(0.2 * len(data.train))
        keys = [
            {
                (i.contiguous().numpy().tobytes(), int(t), int(g))
                for i, t, g in zip(s.images, s.targets, s.groups, strict=True)
            }
            for s in (cut.train, cut.val, data.train)
        ]
        if len(keys[2]) == len(data.train):  # all images differ
            assert not keys[0] & keys[1]
        assert keys[0] | keys[1] == keys[2]
        whole, part = (s.cells(data.num_classes, data.num_groups) for s in (data.train, cut.val))
        assert ((part - 0.2 * whole).abs() <= 1).all()
        assert (part[whole > 0] < whole[whole > 0]).all()  # no training cell is emptied
        loader = cut.val_dataloader()
        assert isinstance(loader, BatchLoader)
        assert sum(len(batch["index"]) for batch in loader) == len(cut.val)
        again = self.kind(validation=0.2)
        again.setup()
        assert torch.equal(again.train.images, cut.train.images)

    def test_unbiased_twin(self):
        if not self.twin:
            pytest.skip("this set has no unbiased twin")
        data = self.kind(conflict_ratio=None)
        data.setup()
        assert data.aligned is None
        assert data.manifest["conflict_ratio"] is None
        cells = data.train.cells(data.num_classes, data.num_groups).double()
        share = cells / cells.sum(1, keepdim=True)
        assert float((share - 1 / data.num_groups).abs().max()) < 0.12

    def test_missing_source_is_one_line_with_both_ways_out(self, places):
        if not self.kind.reads_root:
            pytest.skip("this set reads no files")
        for path in sorted(places.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        data = self.kind()
        with pytest.raises(DatasetNotFoundError) as caught:
            data.prepare_data()
        line = str(caught.value)
        assert data.missing == line
        assert "\n" not in line
        assert all(word in line for word in (str(places), *self.ways_out))
        assert list(paths.cache_root().iterdir()) == []

    def test_a_missing_root_is_an_error_even_with_the_cache(self, data, places, tmp_path):
        if not self.kind.reads_root:
            assert not places.exists()  # it was built without one
            return
        places.rename(tmp_path / "elsewhere")
        for again in (self.kind(), self.kind(root=str(places))):
            with pytest.raises(DatasetNotFoundError, match="does not exist"):
                again.prepare_data()
            with pytest.raises(DatasetNotFoundError, match="does not exist"):
                again.setup()
        other = self.kind(root=str(tmp_path / "elsewhere"))
        other.setup()
        assert other.fingerprint == data.fingerprint

    def test_a_damaged_cache_is_one_line(self, data):
        path = data.cache_folder / "train_images.npy"
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(FileFormatError, match=r"train_images\.npy.*delete") as caught:
            self.kind().setup()
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"validation": 1.0}, {"validation": -0.1}])
    def test_senseless_arguments_are_one_line(self, arguments: dict[str, Any]):
        with pytest.raises(ConfigError, match=next(iter(arguments))) as caught:
            self.kind(**arguments)
        assert "\n" not in str(caught.value)

    def test_senseless_ratios_are_one_line(self):
        if not self.twin:
            pytest.skip("this set has a fixed bias")
        with pytest.raises(ConfigError, match="conflict_ratio must be at least 0 and at most 1, not 2"):
            self.kind(conflict_ratio=2)

    def test_the_menu_has_it(self):
        spec = menu.find("data", self.kind.name)
        kind: Any = import_class(spec["class_path"])
        assert kind is self.kind
        assert kind(**spec["init_args"]).parameters == self.kind().parameters
