"""Surrogates: when a network is drawn, how it is trained, and that a restart goes on where it stopped."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.augment import DSA, NoAugmentation
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates import Lesson, OnReal, OnSynthetic, Queue, Saturating
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator, seeded

SHAPE, SEED = (3, 8, 8), 5
NETWORK = partial(ConvNet, width=3, depth=2)


@pytest.fixture
def lesson():
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, *SHAPE), generator=draw, dtype=torch.uint8)
    real = ImageSet(images, torch.arange(60) % 3, torch.zeros(60, dtype=torch.long), (0.5,) * 3, (0.5,) * 3)
    synthetic = torch.randn(12, *SHAPE, generator=draw), torch.arange(3).repeat_interleave(4)
    return Lesson(real, lambda: synthetic)


def ready(surrogate, images_per_class=4):
    surrogate.prepare(3, SHAPE, images_per_class, SEED, torch.device("cpu"))
    return surrogate


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def run(surrogate, lesson, rounds, start=0):
    """Use a surrogate for some rounds and return its weights as each round saw them."""
    seen = []
    for step in range(start, rounds):
        seen.append(weights(surrogate.network(step)))
        assert torch.equal(seen[-1], weights(surrogate.network(step)))  # asking twice changes nothing
        surrogate.learn(step, lesson)
    return torch.stack(seen)


MAKE = {
    "on synthetic": lambda: OnSynthetic(NETWORK, outer=3, inner=2, batch_size=5, augmentation=DSA("flip_crop")),
    "on real": lambda: OnReal(NETWORK, inner=3, images=20, batch_size=8),
    "queue": lambda: Queue(NETWORK, start=2, length=4, interval=2, trained=2, steps=2, batch_size=8, window=3),
    "saturating": lambda: Saturating(NETWORK, still=0.2, moved=0.05, patience=11, probes=5, lr=0.05),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("stop", [3, 4])
def test_a_restart_goes_on_where_it_stopped(make, stop, lesson):
    whole = run(ready(make()), lesson, 8)
    first = ready(make())
    begun = run(first, lesson, stop)
    state = copy.deepcopy(first.state_dict())
    second = ready(make())
    second.load_state_dict(state)
    assert torch.equal(torch.cat([begun, run(second, lesson, 8, start=stop)]), whole)


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_networks_are_frozen_while_they_match(make, lesson):
    surrogate = ready(make())
    run(surrogate, lesson, 2)
    assert not any(p.requires_grad for p in surrogate.network(2).parameters())


def test_on_synthetic_equals_plain_epochs(lesson):
    surrogate = ready(OnSynthetic(NETWORK, outer=3, inner=2, batch_size=5, lr=0.1))
    found = run(surrogate, lesson, 4)
    images, labels = lesson.synthetic()
    for step in range(4):
        if step % 3 == 0:  # a new network for each iteration of three rounds
            with seeded(SEED, "surrogate", step):
                network = NETWORK(3, SHAPE)
        torch.testing.assert_close(found[step], weights(network), rtol=1e-5, atol=1e-6)
        for epoch in range(2):
            order = torch.randperm(12, generator=generator(SEED, "surrogate training", step, epoch)).tolist()
            for batch in (order[:5], order[5:10], order[10:]):
                losses = [cross_entropy(network(images[i : i + 1]), labels[i : i + 1]) for i in batch]
                gradients = torch.autograd.grad(torch.stack(losses).mean(), list(network.parameters()))
                for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                    parameter.data.sub_(0.1 * gradient)


def test_published_loops():
    surrogate = OnSynthetic()
    found = {ipc: surrogate.loops(ipc) for ipc in (1, 10, 20, 30, 40, 50, 100)}
    assert found == {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10), 100: (100, 10)}
    assert OnSynthetic(inner=7).loops(10) == (10, 7)
    assert OnSynthetic(outer=2, inner=7).loops(13) == (2, 7)
    with pytest.raises(ConfigError, match=r"13 images per class .* set surrogate\.outer and surrogate\.inner"):
        surrogate.rounds(13)


def test_on_real_takes_whole_batches_until_it_has_as_many_images_as_told(lesson, monkeypatch):
    seen, forward = [], ConvNet.forward

    def noted(self, x):
        seen.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(ConvNet, "forward", noted)
    run(ready(OnReal(NETWORK, inner=2, images=20, batch_size=8, augmentation=NoAugmentation())), lesson, 2)
    assert seen == [8, 8, 8]  # after the last round the network is not needed any more


def test_the_queue_grows_to_its_length_and_drops_the_oldest(lesson):
    surrogate = ready(MAKE["queue"]())
    numbers = []
    for step in range(8):
        surrogate.network(step)
        numbers.append([place["number"] for place in surrogate.state_dict()["places"]])
        surrogate.learn(step, lesson)
    assert numbers[:3] == [[0, 1, 2], [0, 1, 2], [0, 1, 2, 3]]
    assert numbers[4] == [1, 2, 3, 4]
    assert numbers[6] == [2, 3, 4, 5]


def test_the_queue_measures_its_training(lesson):
    surrogate = ready(Queue(NETWORK, start=1, interval=100, trained=2, steps=3, batch_size=10, window=2))
    surrogate.network(0)
    assert surrogate.accuracy == 0.0
    surrogate.learn(0, lesson)
    places = surrogate.state_dict()["places"]
    assert [place["seen"] for place in places] == [30, 30]
    surrogate.network(1)
    assert surrogate.accuracy in [100 * place["right"] / 30 for place in places]
    surrogate.network(2)  # the window is over
    assert surrogate.accuracy == 0.0


def test_a_network_that_stands_still_is_given_up(lesson):
    surrogate = ready(Saturating(NETWORK, still=2.0, patience=50, probes=5))
    found = run(surrogate, lesson, 21)
    changed = [step for step in range(1, 21) if not torch.equal(found[step], found[step - 1])]
    assert {10, 20} <= set(changed)  # the span of ten readings is always below 2
    with seeded(SEED, "surrogate", 10):
        assert torch.equal(found[10], weights(NETWORK(3, SHAPE)))


def test_patience_bounds_what_would_not_end(lesson):
    surrogate = ready(Saturating(NETWORK, still=0.0, moved=9.0, patience=3, probes=5))
    found = run(surrogate, lesson, 4)
    with seeded(SEED, "surrogate", 3):
        assert torch.equal(found[3], weights(NETWORK(3, SHAPE)))


@pytest.mark.parametrize("kind", [OnSynthetic, OnReal, Queue, Saturating])
def test_senseless_arguments_are_one_line(kind):
    with pytest.raises(ConfigError, match=f"{kind.__name__} batch_size must be at least 1"):
        kind(batch_size=0)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"start": 5, "length": 4}, "Queue start 5 is more than its length 4 holds: lower start or raise length"),
        ({"trained": 5, "length": 4}, "Queue trained 5 is more than its length 4 holds"),
        ({"trained": -1}, "Queue trained must be at least 0, not -1"),
        ({"steps": -1}, "Queue steps must be at least 0, not -1"),
    ],
)
def test_a_queue_that_does_not_hold_what_is_asked_of_it(numbers, told):
    with pytest.raises(ConfigError, match=told):
        Queue(**numbers)


@pytest.mark.parametrize("name", ["on real", "queue"])
def test_networks_train_on_images_as_often_as_their_shares_say(name, lesson):
    """Images without a share could be anything; with equal shares the draws are as likely as without."""
    shares = (torch.arange(60) < 6).double() / 6
    blank = lesson.real.images.clone()
    blank[6:] = 0
    real = lesson.real
    other = Lesson(ImageSet(blank, real.targets, real.groups, real.mean, real.std), lesson.synthetic, shares)
    first = run(ready(MAKE[name]()), replace(lesson, shares=shares), 4)
    assert torch.equal(first, run(ready(MAKE[name]()), other, 4))
    assert not torch.equal(first, run(ready(MAKE[name]()), lesson, 4))


def test_a_lesson_draws_by_its_shares(lesson):
    shares = torch.arange(60).double() / torch.arange(60).sum()
    times = torch.zeros(60)
    for k in range(300):
        drawn = replace(lesson, shares=shares).drawn(20, generator(0, "lesson", k))
        assert len(drawn) == 20
        times += drawn.bincount(minlength=60)
    torch.testing.assert_close(times / 300, 20 * shares.float(), atol=0.1, rtol=0.0)
    assert lesson.drawn(100, generator(0, "all")).sort().values.tolist() == list(range(60))
