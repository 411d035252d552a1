"""Files of expert trajectories."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file

from fdd_lightning.artefacts.experts import ExpertFolder, flat_parameters, save_expert, unflatten
from fdd_lightning.configuration.choices import spec_of
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import ConvNet

NETWORK = partial(ConvNet, width=2, depth=1)
HEADER = {
    "network": spec_of(NETWORK),
    "num_classes": 3,
    "image_shape": [1, 4, 4],
    "dataset": "x",
    "data_fingerprint": "abc",
    "weighting": {"class_path": "fdd_lightning.matching.weightings.Vanilla", "init_args": {}},
    "learner": {"class_path": "fdd_lightning.algorithms.ERM", "init_args": {}},
    "zca": None,
}
SIZE = len(flat_parameters(NETWORK(3, (1, 4, 4))))


def write(folder, number, snapshots=4, size=SIZE, dtype=torch.float32, **changes):
    trajectory = torch.randn(snapshots, size, generator=torch.Generator().manual_seed(number)).to(dtype)
    save_expert(folder / f"{number:04d}.safetensors", trajectory, {"index": number, **HEADER, **changes})
    return trajectory


def test_a_flat_vector_is_the_parameters_end_to_end():
    network = NETWORK(3, (1, 4, 4))
    vector = flat_parameters(network)
    parts = unflatten(vector, network)
    for name, own in network.named_parameters():
        assert torch.equal(parts[name], own)
    vector[0] = 7.0
    assert float(next(iter(parts.values())).flatten()[0]) == 7.0  # views
    assert float(next(network.parameters()).detach().flatten()[0]) != 7.0  # of a copy


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_snapshots_are_read_one_by_one(tmp_path, dtype):
    folder = tmp_path / "experts"
    written = [write(folder, n, snapshots=4 + n, dtype=dtype) for n in range(3)]
    for path in (folder, tmp_path):  # the folder itself, or the output folder that has it
        found = ExpertFolder(path)
        assert len(found) == 3
        assert found.snapshots == 4
        assert found.header["dataset"] == "x"
        for n, trajectory in enumerate(written):
            for t in range(4):
                assert torch.equal(found.snapshot(n, t), trajectory[t])
        network = found.network
        assert isinstance(network, ConvNet)
        assert network(torch.zeros(1, 1, 4, 4)).shape == (1, 3)


def test_equal_experts_are_equal_files(tmp_path):
    write(tmp_path / "a", 0)
    write(tmp_path / "b", 0)
    assert (tmp_path / "a/0000.safetensors").read_bytes() == (tmp_path / "b/0000.safetensors").read_bytes()
    assert set(load_file(tmp_path / "a/0000.safetensors")) == {"trajectory"}


def refused(path):
    with pytest.raises(FileFormatError) as caught:
        ExpertFolder(path)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_no_experts(tmp_path):
    assert "is no folder: train them with `fdd fit --config experts/mtt" in refused(tmp_path / "nowhere")
    assert "holds no experts: train them" in refused(tmp_path)
    (tmp_path / "file").write_text("")
    assert "is no folder" in refused(tmp_path / "file")


@pytest.mark.parametrize("size", [0, 5, 200, 1000, -1])
def test_a_file_cut_short(tmp_path, size):
    write(tmp_path, 0)
    write(tmp_path, 1)
    file = tmp_path / "0001.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    line = refused(tmp_path)
    assert "0001.safetensors is " in line
    assert "cut short" in line
    assert "train the experts again" in line


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "is a safetensors file but not an expert"),
        ({"fdd": '{"kind": "encoder", "format": 1}'}, "holds an encoder, not an expert"),
        ({"fdd": '{"kind": "expert"}'}, "has format version None, this code reads version 1"),
    ],
)
def test_another_kind_of_file(tmp_path, metadata, words):
    save_file({"trajectory": torch.zeros(2, SIZE)}, tmp_path / "0000.safetensors", metadata)
    assert f"0000.safetensors {words}" in refused(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", {"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"width": 3, "depth": 1}}),
        ("data_fingerprint", "def"),
        ("weighting", {"class_path": "fdd_lightning.matching.weightings.Barycenter", "init_args": {}}),
        ("zca", 0.1),
    ],
)
def test_experts_of_two_kinds_in_a_folder(tmp_path, key, value):
    write(tmp_path, 0)
    write(tmp_path, 1, **{key: value})
    assert f"0001.safetensors differs from 0000.safetensors in {key}" in refused(tmp_path)


def test_parameters_that_do_not_fit_the_network(tmp_path):
    write(tmp_path, 0, size=SIZE + 1)
    assert f"holds {SIZE + 1} parameters, its network ConvNet has {SIZE}" in refused(tmp_path)


def test_only_networks_are_built(tmp_path):
    write(tmp_path, 0, network={"class_path": "subprocess.Popen", "init_args": {"args": "x"}})
    assert "names the class 'subprocess.Popen', which is not one of fdd-lightning" in refused(tmp_path)
    write(tmp_path, 0, network={"class_path": "fdd_lightning.augment.DSA", "init_args": {}})
    assert "names fdd_lightning.augment.DSA, which is no Network" in refused(tmp_path)
