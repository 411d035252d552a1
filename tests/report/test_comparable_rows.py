from fdd_lightning.report.comparable_rows import broadest, condition, protocol
from tests.report.fake_rows import row


def test_what_comes_with_a_set_is_no_way_to_evaluate():
    learned = row(eval_settings={"epochs": 150, "lr": "learned", "labels": "soft"})
    assert protocol(learned) == {"epochs": 150}
    assert protocol(row(eval_settings={"lr": 0.1})) == {"lr": 0.1}


def test_repetitions_are_no_condition():
    one = row(settings={"a": 1, "b": 2})
    assert condition(one) == condition(row(seeds=(1, 2), networks=7, settings={"b": 2, "a": 1}))
    for other in (row(method="dsa"), row(ipc=1), row(conflict_ratio=None), row(eval_settings={"epochs": 1}), row()):
        assert condition(one) != condition(other)
    assert condition(one, settings={}) == condition(row())


def test_which_of_equal_rows_counts():
    few, more, most = row(networks=2), row(seeds=(0, 1)), row(networks=20)
    assert broadest([few, most, more]) is most
    assert broadest([few, most, more], like=row(networks=2, weighting="kde")) is few
    assert broadest([few, most, more], like=row(networks=9)) is most
