"""What TensorBoard is told."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # type: ignore[import-untyped]

from tests.tiny import DISTILL, EVAL, FIT, QUIET
from tests.written_rows import written_rows


def told(folder):
    """Return scalars (name: steps), images (name: steps) and the hparams plugin's entries of a stage."""
    events = EventAccumulator(str(folder / "tensorboard"), {"images": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    scalars = {name: [e.step for e in events.Scalars(name)] for name in tags["scalars"]}
    images = {name: [e.step for e in events.Images(name)] for name in tags["images"]}
    return scalars, images, events.summary_metadata


def hparams(metadata):
    """Return the hyper-parameters of the stage by name."""
    content = metadata["_hparams_/session_start_info"].plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in values.items()}


def logged(args):
    return [a for a in args if a != QUIET[0]]


def test_distillation(fdd):
    args = [*logged(DISTILL), "--model.iterations=45", "--trainer.log_every_n_steps=5", "--output=x"]
    assert fdd(*args).code == 0
    scalars, images, metadata = told(Path("x"))
    for name in ("distill/loss", "weights/effective_sample_share", "weights/conflict_mass"):
        assert len(scalars[name]) == 9
    (steps,) = images.values()
    assert steps[0] == 0
    assert len(steps) >= 20
    assert len(steps) <= 24  # a long run has no more of them
    assert any(key.startswith("_hparams_") for key in metadata)
    assert "hp/distill/loss" in scalars
    assert {"dataset": "colored_digits", "method": "dm", "weighting": "vanilla"}.items() <= hparams(metadata).items()
    assert hparams(metadata)["ipc"] == 1


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (FIT, ["fit/loss", "density/auroc_mean", "density/auroc_min", "density/effective_sample_share"]),
        (EVAL, ["eval/train_loss", "eval/accuracy", "eval/deo_mean", "eval/worst_group_accuracy"]),
    ],
    ids=["fit", "eval"],
)
def test_other_stages(fdd, args, names):
    assert fdd(*logged(args), "--trainer.log_every_n_steps=1", "--output=x").code == 0
    scalars, _, metadata = told(Path("x"))
    assert set(names) <= set(scalars)
    assert any(key.startswith("_hparams_") for key in metadata)


def test_an_evaluation_says_what_it_measured(fdd):
    assert fdd(*logged(DISTILL), "--model.weighting=fairdd", "--output=made").code == 0
    made = "--synthetic=made/synthetic.safetensors"
    assert fdd(*logged(EVAL), made, "--output=x").code == 0
    (row,) = written_rows("x/results.json")
    _, _, metadata = told(Path("x"))
    facts = {key: row[key] for key in ("dataset", "method", "weighting", "ipc")}
    assert facts == {"dataset": "colored_digits", "method": "dm", "weighting": "fairdd", "ipc": 1}
    assert facts.items() <= hparams(metadata).items()
    events = EventAccumulator("x/tensorboard", {"scalars": 0})
    events.Reload()
    for name, metric in row["metrics"].items():
        if metric is not None:
            assert events.Scalars(f"hp/eval/{name}")[-1].value == pytest.approx(metric["mean"], abs=1e-6)
    # Of the whole training set there are no images per class.
    assert fdd(*logged(EVAL), "--output=whole").code == 0
    shown = hparams(told(Path("whole"))[2])
    assert {"method": "full", "weighting": "vanilla", "ipc": "all"}.items() <= shown.items()
