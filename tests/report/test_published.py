from fdd_lightning.report.published import all_published, published, published_for
from tests.report.fake_rows import row


def test_the_file_is_whole_and_in_fractions():
    rows = all_published()
    assert len(rows) == 685
    keys = [(p.dataset, p.method, p.weighting, p.trainer, p.variant, p.ipc, p.conflict_ratio, p.source) for p in rows]
    assert len(set(keys)) == len(keys)
    for p in rows:
        for value in (p.accuracy, p.accuracy_std, p.deo_max, p.deo_mean, p.conflict_ratio):
            assert value is None or 0 <= value <= 1
        assert p.accuracy is not None or p.deo_max is not None
        assert p.source
        assert (p.ipc is None) == (p.method == "full")
        assert p.deo_mean is None or p.deo_mean <= (p.deo_max or 0)


def test_figures_of_the_papers():
    # FairDD Tables 1 and 2: C-MNIST (FG), IPC 10, DM and DM+FairDD as DEO_M / DEO_A / accuracy.
    (plain,) = published_for(row("dm", "vanilla", dataset="cmnist_fg"))
    (fair,) = published_for(row("dm", "fairdd", dataset="cmnist_fg"))
    assert (plain.deo_max, plain.deo_mean, plain.accuracy) == (1.0, 0.9996, 0.2501)
    assert (fair.deo_max, fair.deo_mean, fair.accuracy) == (0.1704, 0.0795, 0.9461)
    # Cui et al. Table 1: CMNIST 5%, IPC 10, DM 19.6 +- 0.9 and DM with KDE 86.5 +- 1.2.
    (plain,) = published_for(row("dm", "vanilla", dataset="cmnist", conflict_ratio=0.05))
    (kde,) = published_for(row("dm", "kde", dataset="cmnist", conflict_ratio=0.05))
    assert (plain.accuracy, plain.accuracy_std) == (0.196, 0.009)
    assert (kde.accuracy, kde.accuracy_std) == (0.865, 0.012)
    whole, again = published_for(row("full", "vanilla", dataset="cmnist_bg"))
    assert whole.accuracy == 0.978
    # COBRA Table 1, which has no accuracy of it.
    assert (again.accuracy, again.deo_max, again.deo_mean) == (None, 0.103, None)
    (cobra,) = published_for(row("dm", "barycenter", dataset="cmnist_bg", ipc=50))
    assert (cobra.accuracy, cobra.deo_max) == (0.968, 0.0746)


def test_a_cell_that_both_papers_have():
    found = published_for(row("dm", "vanilla", dataset="bffhq", conflict_ratio=0.005))
    assert [p.accuracy for p in found] == [0.636, 0.649]


def test_only_equal_cells_match():
    cell = {"dataset": "cmnist_fg"}
    assert not published_for(row(**cell, ipc=11))
    assert not published_for(row(**cell, conflict_ratio=0.2))
    assert not published_for(row(**cell, conflict_ratio=None))
    assert not published_for(row(**cell, network="mlp"))
    assert not published_for(row(**cell, trainer="lff"))
    assert not published_for(row())
    assert not published_for(row("dm", "vanilla", **cell, settings={"surrogate": "a.Frozen"}))
    assert not published_for(row("dm", dataset="utkface", conflict_ratio=None, settings={"group": "gender"}))


def test_debiasing_elsewhere():
    # Cui et al. Tables 3, 4 and 5: CMNIST 5%, IPC 10.
    cell = {"dataset": "cmnist", "conflict_ratio": 0.05}
    (trained,) = published_for(row("dm", "vanilla", **cell, trainer="selecmix_lff"))
    (surrogate,) = published_for(row("dm", "vanilla", **cell, settings={"surrogate": "a.Frozen", "iterations": 3}))
    (experts,) = published_for(row("mtt", "vanilla", **cell, settings={"experts.learner": "a.SelecMix"}))
    (mixes,) = published_for(row("dm", "vanilla", **cell, settings={"source": "a.Mixes"}))
    assert [p.accuracy for p in (trained, surrogate, experts, mixes)] == [0.433, 0.205, 0.299, 0.656]
    assert not published_for(row("mtt", "vanilla", **cell, settings={"experts.learner": "a.LfF"}))
    assert not published_for(row("dm", "vanilla", **cell, trainer="dfa", settings={"source": "a.Mixes"}))


def test_other_networks_labels_and_attributes():
    # FairDD Tables 3, 4, 11 and 12, 17, 18 and 20.
    def found(*cell, **more):
        return [(p.accuracy, p.source) for p in published_for(row(*cell, **more))]

    noise = {"weighting.groups": "fdd_lightning.matching.groupings.WrongLabels", "weighting.groups.rate": 0.5}
    clusters = {"weighting.groups": "fdd_lightning.matching.groupings.DBSCANClusters", "iterations": 150}
    faces = {"dataset": "celeba", "conflict_ratio": None}
    assert found(dataset="cmnist_fg", ipc=50, network="vgg11") == [(0.968, "FairDD Table 3")]
    assert found(dataset="cmnist_bg", settings=noise) == [(0.8956, "FairDD Table 17")]
    assert found("dc", dataset="cmnist_bg", settings=clusters) == [(0.9099, "FairDD Table 18")]
    assert found(**faces, settings={"group": ["Male", "Pale_Skin"]}) == [(0.6437, "FairDD Table 20")]
    assert found(**faces, settings={"target": "Young"}) == [(0.6379, "FairDD Tables 11 and 12")]
    assert len(found("dm", "vanilla", dataset="imagenette_s")) == 1


def test_each_once_in_the_rows_order():
    rows = [row("dm", w, dataset="cmnist_fg", settings=s) for s in (None, {"a": 1}) for w in ("fairdd", "vanilla")]
    assert [p.weighting for p in published(rows)] == ["fairdd", "vanilla"]
