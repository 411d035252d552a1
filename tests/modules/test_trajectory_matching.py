"""Trajectory matching against a literal restatement, in double precision."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.experts import ExpertFolder, flat_parameters, save_expert
from fdd_lightning.augment import DSA, NoAugmentation
from fdd_lightning.configuration.choices import spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datasets.whitening import ZCA
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError, NotFiniteError
from fdd_lightning.matching.parameterisations import MultiFormation
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, Vanilla
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.trajectory_matching import TrajectoryMatching
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator
from tests.modules.conftest import trainer

NETWORK = partial(ConvNet, width=2, depth=2)
SHAPE = (3, 16, 16)


def write_experts(folder, data, count=2, snapshots=5, weighting=Vanilla(), **changes):
    """Experts that walk at random, but for the direction that they keep."""
    torch.manual_seed(7)
    header = {
        "network": complete(spec_of(NETWORK)),
        "num_classes": 10,
        "image_shape": list(SHAPE),
        "dataset": data.name,
        "data_fingerprint": data.fingerprint,
        "weighting": complete(spec_of(weighting)),
        "learner": {"class_path": "fdd_lightning.algorithms.ERM", "init_args": {}},
        "zca": None,
        "settings": {"experts.count": count},
        **changes,
    }
    for expert in range(count):
        start = flat_parameters(NETWORK(10, SHAPE))
        way = 0.02 * torch.randn(snapshots - 1, len(start)) + 0.02 * torch.randn(len(start))
        trajectory = start + torch.cat([torch.zeros(1, len(start)), way]).cumsum(0)
        save_expert(folder / f"experts/{expert:04d}.safetensors", trajectory, header)
    return folder


@pytest.fixture
def folder(digits, tmp_path):
    return write_experts(tmp_path, digits)


def matching(folder, **arguments):
    small = {"images_per_class": 2, "student_steps": 3, "expert_epochs": 2, "max_start": 3, "iterations": 3}
    rates = {"lr_student": 0.02, "lr_images": 20.0, "lr_lr": 1e-3}
    model = TrajectoryMatching(10, SHAPE, **{**small, **rates, **arguments})
    model.experts = folder
    return model


def network(vector, x):
    """The ConvNet of width 2 and depth 2, layer by layer, from its parameters end to end."""
    parts = list(vector.split([54, 2, 2, 2, 36, 2, 2, 2, 320, 10]))
    for i, channels in ((0, 3), (4, 2)):
        x = F.conv2d(x, parts[i].view(2, channels, 3, 3), parts[i + 1], padding=1)
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        x = (x - mean) / (variance + 1e-5).sqrt() * parts[i + 2].view(1, 2, 1, 1) + parts[i + 3].view(1, 2, 1, 1)
        x = x.clamp(min=0)
        x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    return x.flatten(1) @ parts[8].view(10, 32).T + parts[9]


def literal(images, lr, start, target, batches, augment):
    """Return the loss of a student that takes one step for each batch of places."""
    labels = torch.tensor([c for c in range(10) for _ in range(len(images) // 10)])
    student = start.clone().requires_grad_()
    for n, places in enumerate(batches):
        x = augment(torch.stack([images[i] for i in places]), n)
        log_likelihood = network(student, x).log_softmax(1)
        loss = -sum(log_likelihood[j, labels[i]] for j, i in enumerate(places)) / len(places)
        (gradient,) = torch.autograd.grad(loss, student, create_graph=True)
        student = student - lr * gradient
    far = sum((a - b) ** 2 for a, b in zip(start.tolist(), target.tolist(), strict=True))
    return ((student - target) ** 2).sum() / far


def begun(model, digits):
    """Return the model in double precision at its first step."""
    model.trainer = trainer()
    model.trainer.datamodule = digits
    model.setup("fit")
    return model.double()


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("augmentation", [NoAugmentation(), DSA("color_crop_cutout_flip")], ids=["plain", "dsa"])
def test_loss_and_one_update_are_the_definition(digits, folder, batch_size, augmentation, recompute):
    model = begun(
        matching(folder, batch_size=batch_size, augmentation=augmentation, recompute=recompute, seed=3), digits
    )
    images = model.images.detach().clone().requires_grad_()
    lr = model.lr.detach().clone().requires_grad_()
    # What was drawn: expert and epoch, places of each step, augmentation.
    expert = int(torch.randperm(2, generator=generator(3, "experts", 0))[0])
    epoch = int(torch.randint(3, (1,), generator=generator(3, "start epoch", 0)))
    trajectories = ExpertFolder(folder)
    start, target = (trajectories.snapshot(expert, t).double() for t in (epoch, epoch + 2))
    places = torch.arange(20)
    order = torch.randperm(20, generator=generator(3, "student batch", 0, 0))
    batches = [order[7 * n : 7 * n + 7].tolist() if batch_size else places.tolist() for n in range(3)]
    expected = literal(
        images,
        lr,
        start,
        target,
        batches,
        lambda x, n: augmentation(x, generator(3, "augmentation", 0, n), siamese=False),
    )
    expected.backward()

    loss, value = model.loss(0)
    assert float(value) == pytest.approx(float(expected), rel=1e-10)
    optimizer = model.configure_optimizers()
    loss.backward()
    assert model.images.grad is not None
    assert images.grad is not None
    assert lr.grad is not None
    assert (model.images.grad - images.grad).abs().max() < 1e-8 * images.grad.abs().max()
    assert float(model.lr.grad) == pytest.approx(float(lr.grad), rel=1e-8)
    before = model.images.detach().clone()
    optimizer.step()
    assert torch.allclose(model.images, before - 20.0 * images.grad, rtol=0, atol=1e-8)
    assert float(model.lr.detach()) == pytest.approx(float(lr.detach() - 1e-3 * lr.grad), rel=1e-8)
    assert float(images.grad.abs().max()) > 1e-4


def test_both_learn_with_momentum(digits, folder):
    """Two steps through the trainer: SGD with momentum on images and step size, each with its own rate."""
    model = matching(folder, iterations=2, augmentation=NoAugmentation())
    trainer().fit(model, datamodule=digits)
    own = begun(matching(folder, augmentation=NoAugmentation()), digits).float()
    velocity = {"images": torch.zeros_like(own.images), "lr": torch.zeros(())}
    for step in range(2):
        own.zero_grad()
        own.loss(step)[0].backward()
        for name, rate in (("images", 20.0), ("lr", 1e-3)):
            parameter = getattr(own, name)
            velocity[name] = 0.5 * velocity[name] + parameter.grad
            with torch.no_grad():
                parameter -= rate * velocity[name]
    assert torch.allclose(model.images, own.images, atol=1e-6)
    assert float(model.lr.detach()) == pytest.approx(float(own.lr.detach()), rel=1e-6)


def test_every_expert_comes_up_and_every_epoch(digits, folder):
    model = begun(matching(folder), digits)
    trajectories = ExpertFolder(folder)
    seen = []
    for step in range(40):
        start, target = model.segment(step)
        (found,) = [
            (e, t)
            for e in range(2)
            for t in range(3)
            if torch.equal(start, trajectories.snapshot(e, t).double())
            and torch.equal(target, trajectories.snapshot(e, t + 2).double())
        ]
        seen.append(found)
    assert set(seen) == {(e, t) for e in range(2) for t in range(3)}
    assert all(seen[i][0] != seen[i + 1][0] for i in range(0, 40, 2))  # none twice before all have been


def test_the_students_batches_go_through_all_images(digits, folder):
    model = begun(matching(folder, batch_size=8, augmentation=NoAugmentation()), digits)
    images = torch.arange(20.0).view(20, 1, 1, 1).expand(20, *SHAPE)
    parts = [model.student_batch(images, 5, n)[0][:, 0, 0, 0].long() for n in range(6)]
    assert [len(part) for part in parts] == [8, 8, 4, 8, 8, 4]
    for first in (0, 3):
        assert torch.cat(parts[first : first + 3]).sort().values.equal(torch.arange(20))
    _, labels = model.student_batch(images, 5, 1)
    assert labels.equal(parts[1] // 2)
    assert model.student_batch(images, 5, 0)[0].shape == (8, *SHAPE)


def test_the_published_settings_are_the_defaults():
    model = TrajectoryMatching(10, SHAPE)
    assert (model.student_steps, model.expert_epochs, model.max_start, model.batch_size) == (30, 2, 20, None)
    assert (model.lr_images, model.lr_lr, model.momentum) == (100.0, 1e-5, 0.5)
    assert float(model.lr.detach()) == pytest.approx(0.001)
    assert model.iterations == 5000
    assert model.num_steps == 5000


def test_the_set_holds_the_step_size_and_what_the_experts_were(digits, folder, tmp_path):
    model = matching(folder, weighting=Vanilla())
    made = trainer().distill(model, digits)
    assert made.metadata["method"] == "mtt"
    assert made.metadata["weighting"] == "vanilla"
    assert made.metadata["settings"]["experts.count"] == 2
    assert made.metadata["settings"]["student_steps"] == 3
    assert made.lr == pytest.approx(float(model.lr.detach()))
    assert float(model.lr.detach()) != 0.02
    assert model.remark() == f", step size {float(model.lr.detach()):.4g}"
    loaded = SyntheticSet.load(model.save_artefact(tmp_path))
    assert torch.equal(loaded.images, model.images.detach())
    assert loaded.labels.tolist() == [c for c in range(10) for _ in range(2)]


def test_other_parameterisations(digits, folder):
    made = trainer().distill(matching(folder, parameterisation=MultiFormation(2)), digits)
    assert len(made) == 80
    assert made.parameters is not None
    assert set(made.parameters) == {"stored", "lr"}
    assert made.parameters["stored"].shape == (20, *SHAPE)


def test_recomputing_gives_the_same_set(digits, folder):
    sets = [trainer().distill(matching(folder, recompute=way, batch_size=7), digits) for way in (False, True)]
    assert torch.allclose(sets[0].images, sets[1].images, atol=1e-6)
    short = trainer().distill(matching(folder, iterations=1, batch_size=7), digits)
    assert not torch.allclose(sets[0].images, short.images, atol=1e-4)


def test_whitened_images_are_restored_in_the_file(digits, tmp_path):
    folder = write_experts(tmp_path, digits, zca=0.1)
    model = matching(folder, lr_images=0.0)
    made = trainer().distill(model, digits)
    zca = ZCA.fit(digits.train, 0.1)
    assert torch.allclose(model.images.detach(), zca.whiten(made.images), atol=1e-4)
    plain = trainer().distill(matching(write_experts(tmp_path / "plain", digits), lr_images=0.0), digits)
    assert torch.allclose(made.images, plain.images, atol=1e-4)  # the same real images
    assert made.metadata["zca"] == 0.1
    assert "zca" not in plain.metadata
    # Evaluation whitens both: the training images as the student saw them, and the test images.
    evaluator = Evaluator(10, 10, SHAPE, network=NETWORK, count=1, epochs=1)
    evaluator.synthetic = made
    trainer().eval(evaluator, digits)
    assert torch.allclose(evaluator.images, model.images.detach(), atol=1e-4)
    test = digits.test.batch(torch.arange(5000))
    with torch.no_grad():
        hits = evaluator.learners[0](zca.to(torch.device("cpu")).whiten(test["image"])).argmax(1) == test["target"]
    assert evaluator.row is not None
    accuracy = evaluator.row["metrics"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(float(hits.double().mean()), abs=1e-6)
    # On other images the whitening would be another.
    other = ColoredDigits(seed=1)
    evaluator = Evaluator(10, 10, SHAPE, network=NETWORK, count=1, epochs=1)
    evaluator.synthetic = made
    with pytest.raises(ConfigError, match="whitened images, by the training images of colored_digits"):
        trainer().eval(evaluator, other)
    with pytest.raises(ConfigError, match="whitened images, which MultiFormation cannot store"):
        matching(folder, parameterisation=MultiFormation()).check()


def test_checkpoints_go_on_bit_for_bit(digits, folder, tmp_path):
    whole = matching(folder, iterations=5)
    trainer().fit(whole, datamodule=digits)
    model, runs = matching(folder, iterations=5), trainer(max_steps=3)
    runs.fit(model, datamodule=digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    content = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert set(content["state_dict"]) == {"images", "lr"}  # not the student's placeholders
    again = matching(folder, iterations=5)
    trainer().fit(again, datamodule=digits, ckpt_path=tmp_path / "x.ckpt")
    assert torch.equal(again.images, whole.images)
    assert torch.equal(again.lr, whole.lr)


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"student_steps": 0}, "student_steps must be at least 1, not 0"),
        ({"expert_epochs": 0}, "expert_epochs must be at least 1"),
        ({"max_start": 0}, "max_start must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"lr_student": 0.0}, "lr_student must be above 0"),
        ({"lr_images": -1.0}, "lr_images must be at least 0"),
        ({"lr_lr": float("nan")}, "lr_lr must be at least 0, not nan"),
        ({"images_per_class": 0}, "images_per_class must be at least 1"),
    ],
)
def test_senseless_numbers_are_refused(arguments, told):
    with pytest.raises(ConfigError, match=told):
        matching(None, **arguments)


def line(error, model):
    with pytest.raises(error) as caught:
        model.check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_experts_that_are_missing(tmp_path):
    assert "pass --experts DIR" in line(ConfigError, matching(None))
    assert "is no folder" in line(FileFormatError, matching(tmp_path / "nowhere"))


def test_experts_that_are_too_short(digits, folder):
    matching(folder, max_start=3, expert_epochs=2).check()
    told = line(ConfigError, matching(folder, max_start=4, expert_epochs=2))
    assert "need experts of 5 epochs" in told
    assert "have 4: lower max_start to 3, or train longer" in told


def test_experts_with_another_weighting(digits, tmp_path):
    folder = write_experts(tmp_path / "a", digits, weighting=Barycenter())
    matching(folder, weighting=Barycenter()).check()
    told = line(ConfigError, matching(folder))
    assert "were trained with weighting Barycenter, and Vanilla is set here: set theirs" in told
    folder = write_experts(tmp_path / "b", digits, weighting=KDE(variance=0.2))
    matching(folder, weighting=KDE(variance=0.2)).check()  # without an encoder: it was needed before
    assert "KDE, and KDE is set here with other arguments" in line(ConfigError, matching(folder, weighting=KDE()))


def test_fairdd_is_refused(folder):
    told = line(ConfigError, matching(folder, weighting=FairDD()))
    assert told.startswith("mtt does not take weighting fairdd: experts see one mix of images")
    assert "take barycenter" in told


@pytest.mark.parametrize(
    "changes", [{"image_shape": [3, 32, 32]}, {"num_classes": 7, "network": complete(spec_of(NETWORK))}]
)
def test_experts_of_other_shapes(digits, tmp_path, changes):
    torch.manual_seed(0)
    shape = tuple(changes.get("image_shape", SHAPE))
    count = changes.get("num_classes", 10)
    folder = write_experts(tmp_path, digits)
    size = len(flat_parameters(NETWORK(count, shape)))
    header = {**ExpertFolder(folder).header, **changes}
    (folder / "experts/0001.safetensors").unlink()
    save_expert(folder / "experts/0000.safetensors", torch.zeros(5, size), header)
    told = line(ConfigError, matching(folder))
    assert f"tell {count} classes of images of shape {shape} apart, the data have 10" in told


def test_experts_of_other_images(digits, folder):
    with pytest.raises(ConfigError, match=r"trained on other images than these of colored_digits"):
        trainer().fit(matching(folder), datamodule=ColoredDigits(seed=1))


def test_experts_of_another_data_set(digits, tmp_path):
    folder = write_experts(tmp_path, digits, dataset="cmnist", data_fingerprint="x")
    with pytest.raises(ConfigError, match=r"trained on other images \(cmnist\) than these of colored_digits"):
        trainer().fit(matching(folder), datamodule=digits)


def test_what_diverges_is_told(digits, folder):
    with pytest.raises(NotFiniteError, match=r"distill mtt .*, after \d steps: .* is not finite .*: lower lr_images"):
        trainer().distill(matching(folder, lr_images=1e30), digits)
    with pytest.raises(FDDError, match=r"lower lr_images .*or lr_lr"):
        trainer().distill(matching(folder, lr_lr=1e6), digits)
