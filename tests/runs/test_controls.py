"""Selections of real images, and groups that are inferred or wrong, from recipe to table."""

from pathlib import Path

import pytest

from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from tests.tiny import FIT, QUIET, write_recipe
from tests.written_rows import written_rows

SMALL = {"features.network.width": 4, "features.network.depth": 2, "features.epochs": 1}
STRATIFIED = "fdd_lightning.matching.samplers.Stratified"
GROUPS = [
    {"name": "fairdd", "weighting.groups": "KMeansClusters", "weighting.groups.count": 3},
    {"name": "barycenter", "weighting.groups": "DBSCANClusters", "weighting.groups.noise": "drop"},
    {"name": "fairdd", "weighting.groups": "WrongLabels", "weighting.groups.rate": 0.5},
    {"name": "group_kde", "weighting.groups": "KMeansClusters", "weighting.groups.count": 2},
]
PLAIN = ["vanilla", "kde", "fairdd", "barycenter", "group_kde", "inverse_frequency"]
METHODS = [
    {"name": "random", "weightings": ["vanilla", "inverse_frequency"]},
    {"name": "herding", **SMALL},
    {"name": "kcenter", **SMALL, "weightings": ["vanilla"]},
    {"name": "herding", "features": "RandomNetwork", "features.network.width": 4, "weightings": ["fairdd"]},
    {"name": "kcenter", "features": "BiasEncoder", "weightings": ["vanilla"]},
    {"name": "dm", "weightings": [*GROUPS, "inverse_frequency", {"name": "vanilla", "sampler": STRATIFIED}]},
]


@pytest.mark.slow
def test_every_control_runs_from_one_recipe(fdd):
    tiny = {"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4, "depth": 1}]}
    write_recipe(Path("r.yaml"), methods=METHODS, weightings=[*PLAIN, *GROUPS], eval=tiny)
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    rows = written_rows("runs/tiny/results.json")
    told = [
        (row["method"], row["weighting"], row["settings"].get("weighting.groups", "").rpartition(".")[2])
        for row in rows
    ]
    herded = [
        *(("herding", name, "") for name in PLAIN),
        ("herding", "fairdd", "KMeansClusters"),
        ("herding", "barycenter", "DBSCANClusters"),
        ("herding", "fairdd", "WrongLabels"),
        ("herding", "group_kde", "KMeansClusters"),
        ("herding", "fairdd", ""),  # by a random network
    ]
    assert sorted(line for line in told if line[0] == "herding") == sorted(herded)
    assert [line for line in told if line[0] == "kcenter"] == [("kcenter", "vanilla", "")] * 2
    assert sorted(line for line in told if line[0] == "dm") == [
        ("dm", "barycenter", "DBSCANClusters"),
        ("dm", "fairdd", "KMeansClusters"),
        ("dm", "fairdd", "WrongLabels"),
        ("dm", "group_kde", "KMeansClusters"),
        ("dm", "inverse_frequency", ""),
        ("dm", "vanilla", ""),
    ]
    wrong = next(
        row["settings"] for row in rows if row["method"] == "dm" and "weighting.groups.rate" in row["settings"]
    )
    assert wrong["weighting.groups.rate"] == 0.5
    balanced = next(row["settings"] for row in rows if "sampler" in row["settings"])
    assert balanced["sampler"] == STRATIFIED
    trained = [row for row in rows if "features.epochs" in row["settings"]]
    assert all((row["seconds"]["distill"] or 0) > 0 for row in trained)
    assert len(trained) == 11
    begun = [line for line in said.err.splitlines() if line.startswith("[")]
    assert fdd("run", "r.yaml").err.count("finished before") == len(begun)


@pytest.fixture
def plan(workdir):
    def make(**changes):
        return Plan(read_recipe(write_recipe(Path("r.yaml"), **changes)), Path("runs/tiny"))

    return make


@pytest.mark.parametrize(
    ("method", "weighting", "needs"),
    [
        ("dm", GROUPS[0], True),
        ("dm", GROUPS[1], True),
        ("dm", GROUPS[2], False),
        ("dm", "fairdd", False),
        ("dm", "group_kde", True),
        ("dm", "inverse_frequency", False),
        ({"name": "herding", "features": "BiasEncoder"}, "fairdd", True),
        ({"name": "herding", "features": "RandomNetwork"}, "fairdd", False),
        ({"name": "random", "features": "BiasEncoder"}, "fairdd", False),
        ("random", GROUPS[0], True),
    ],
)
def test_an_encoder_is_trained_where_something_looks_at_embeddings(plan, method, weighting, needs):
    leaves = {"iterations": 2} if method == "dm" else {}
    made = plan(methods=[method], weightings=[weighting], distill=leaves, fit={"encoder": "supcon_small"})
    assert ("fit" in [stage.kind for stage in made.stages()]) == needs


@pytest.mark.parametrize("weighting", ["kde", "fairdd", "barycenter", "group_kde", "inverse_frequency"])
def test_a_method_that_cannot_take_a_weighting_is_refused_before_anything_runs(refused, weighting):
    write_recipe(Path("r.yaml"), methods=["random", "kcenter"], weightings=["vanilla", weighting], distill={})
    for more in ([], ["--dry-run"]):
        line = refused("run", "r.yaml", *more)
        assert f"kcenter does not take weighting {weighting}: it covers a class whatever its images weigh" in line
        assert "herding and random" in line
    assert not Path("runs").exists()


def test_at_the_command_line_as_well(refused):
    args = ["--config=method/kcenter", "--config=weighting/fairdd", *QUIET, "--output=x"]
    assert "kcenter does not take weighting fairdd" in refused("distill", *args)
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["FairDD", "--model.weighting.groups=KMeansClusters"], "count"),
        (["FairDD", "--model.weighting.groups=KMeansClusters", "--model.weighting.groups.count=0"], "at least 1"),
        (["FairDD", "--model.weighting.groups=DBSCANClusters"], "FairDD reads a bias encoder's embeddings"),
        (["FairDD", "--model.weighting.groups=DBSCANClusters", "--model.weighting.groups.noise=keep"], "one of"),
        (
            ["FairDD", "--model.weighting.groups=WrongLabels", "--model.weighting.groups.rate=2"],
            "rate must be at least 0 and at most 1",
        ),
        (["FairDD", "--model.weighting.groups=Nowhere"], "weighting.groups"),
    ],
)
def test_mistakes_with_groupings_are_one_line(refused, args, told):
    assert told in refused("distill", f"--model.weighting={args[0]}", *args[1:], *QUIET, "--output=x")


def test_more_clusters_than_a_batch_has_images(refused, fdd):
    assert fdd(*FIT, "--output=fit").code == 0
    args = ["--model.weighting=FairDD", "--model.weighting.groups=KMeansClusters", "--model.weighting.groups.count=100"]
    more = ["--model.sampler.batch_size=50", "--model.surrogate.network.width=4", "--model.iterations=1"]
    files = ["--encoder=fit/encoder.safetensors", "--output=x"]
    line = refused("distill", *args, *more, *QUIET, *files)
    assert "100 clusters in a class batch of 50 images: lower its count" in line


def test_a_group_without_images_cannot_be_balanced_by_drawing(refused):
    args = ["--data.conflict_ratio=0", "--model.sampler=Stratified", "--model.surrogate.network.width=4"]
    line = refused("distill", *args, *QUIET, "--output=x")
    assert "class 0 has none of group 1 (90 of 100 cells are empty): use sampler Uniform" in line
