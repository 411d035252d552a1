import math

import pytest
import torch
from torch import Generator

from fdd_lightning.augment import DSA, NoAugmentation
from fdd_lightning.augment.operations import (
    OPERATIONS,
    draw_color,
    draw_crop,
    draw_cutout,
    draw_flip,
    draw_rotate,
    draw_scale,
)
from fdd_lightning.configuration.choices import rebuild, spec_of
from fdd_lightning.errors import ConfigError

SIZES = [(8, 8), (5, 6), (16, 12)]


def seeded(seed=0):
    return Generator().manual_seed(seed)


def images_of(size, count=5):
    return torch.randn(count, 3, *size, generator=seeded(1), dtype=torch.float64)


def loop_color(image, parameters):
    shift, saturation, contrast = (float(p) for p in parameters)
    image = image.clone()
    channels, height, width = image.shape
    for r in range(height):
        for c in range(width):
            pixel = [float(image[k, r, c]) + shift for k in range(channels)]
            grey = sum(pixel) / channels
            for k in range(channels):
                image[k, r, c] = (pixel[k] - grey) * saturation + grey
    mean = sum(float(v) for v in image.flatten()) / image.numel()
    return (image - mean) * contrast + mean


def loop_crop(image, parameters):
    down, right = (int(p) for p in parameters)
    _, height, width = image.shape
    out = torch.zeros_like(image)
    for r in range(height):
        for c in range(width):
            if 0 <= r + down < height and 0 <= c + right < width:
                out[:, r, c] = image[:, r + down, c + right]
    return out


def loop_cutout(image, parameters):
    out = image.clone()
    _, height, width = image.shape
    length, breadth = int(height * 0.5 + 0.5), int(width * 0.5 + 0.5)
    for r in range(int(parameters[0]) - length // 2, int(parameters[0]) - length // 2 + length):
        for c in range(int(parameters[1]) - breadth // 2, int(parameters[1]) - breadth // 2 + breadth):
            if 0 <= r < height and 0 <= c < width:
                out[:, r, c] = 0
    return out


def loop_flip(image, parameters):
    out = image.clone()
    if bool(parameters):
        for c in range(image.shape[2]):
            out[:, :, c] = image[:, :, image.shape[2] - 1 - c]
    return out


def loop_sample(image, source):
    """Bilinear sampling at source(x, y), in coordinates that run from -1 to 1 between the image's outer edges."""
    _, height, width = image.shape
    out = torch.zeros_like(image)
    for r in range(height):
        for c in range(width):
            x, y = source((2 * c + 1) / width - 1, (2 * r + 1) / height - 1)
            column, row = ((x + 1) * width - 1) / 2, ((y + 1) * height - 1) / 2
            left, top = math.floor(column), math.floor(row)
            for i in (top, top + 1):
                for j in (left, left + 1):
                    if 0 <= i < height and 0 <= j < width:
                        out[:, r, c] += (1 - abs(row - i)) * (1 - abs(column - j)) * image[:, i, j]
    return out


def loop_scale(image, parameters):
    sx, sy = (float(p) for p in parameters)
    return loop_sample(image, lambda x, y: (sx * x, sy * y))


def loop_rotate(image, parameters):
    angle = float(parameters)
    return loop_sample(
        image,
        lambda x, y: (math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y),
    )


LOOPS = {
    "color": loop_color,
    "crop": loop_crop,
    "cutout": loop_cutout,
    "flip": loop_flip,
    "scale": loop_scale,
    "rotate": loop_rotate,
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_operation_equals_literal_loop(name, size):
    operation, images = OPERATIONS[name], images_of(size)
    before = images.clone()
    for seed in range(4):
        own = operation.draw(len(images), size, seeded(seed))
        expected = torch.stack([LOOPS[name](image, p) for image, p in zip(images, own, strict=True)])
        torch.testing.assert_close(operation.apply(images, own), expected, rtol=1e-12, atol=1e-12)
        one = operation.draw(1, size, seeded(seed))
        expected = torch.stack([LOOPS[name](image, one[0]) for image in images])
        torch.testing.assert_close(operation.apply(images, one), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_set_of_parameters_equals_the_same_for_each(name):
    operation, images = OPERATIONS[name], images_of((16, 16)).float()
    one = operation.draw(1, (16, 16), seeded())
    each = one.expand(len(images), *one.shape[1:])
    torch.testing.assert_close(operation.apply(images, one), operation.apply(images, each))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("count", [1, 2])
def test_gradient(name, count):
    operation = OPERATIONS[name]
    images = images_of((5, 6), 2).requires_grad_()
    parameters = operation.draw(count, (5, 6), seeded(2))
    assert torch.autograd.gradcheck(lambda x: operation.apply(x, parameters), (images,))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("siamese", [True, False])
def test_images_on_another_device(name, siamese):
    # The meta device has no values, but refuses to be mixed with the CPU just as a GPU does.
    images = torch.empty(4, 3, 16, 16, device="meta")
    out = DSA(name)(images, seeded(), siamese=siamese)
    assert out.device == images.device
    assert out.shape == images.shape


def test_ranges_of_draws():
    n, size, g = 20000, (32, 20), seeded()
    shift, saturation, contrast = draw_color(n, size, g).unbind(1)
    for values, low, high in ((shift, -0.5, 0.5), (saturation, 0.0, 2.0), (contrast, 0.5, 1.5)):
        assert low <= float(values.min()) < low + 0.01
        assert high - 0.01 < float(values.max()) <= high
    for values, bound in zip(draw_crop(n, size, g).unbind(1), (4, 3), strict=True):
        assert values.unique().tolist() == list(range(-bound, bound + 1))
    for values, n_pixels in zip(draw_cutout(n, size, g).unbind(1), size, strict=True):
        assert values.unique().tolist() == list(range(n_pixels + 1))
    assert draw_cutout(n, (5, 6), g).amax(0).tolist() == [4, 5]  # holes of 3: of odd size
    assert float(draw_flip(n, size, g).float().mean()) == pytest.approx(0.5, abs=0.02)
    scale = draw_scale(n, size, g)
    assert 1 / 1.2 <= float(scale.min()) < 0.84
    assert 1.19 < float(scale.max()) <= 1.2
    degrees = torch.rad2deg(draw_rotate(n, size, g))
    assert -15.001 <= float(degrees.min()) < -14.9
    assert 14.9 < float(degrees.max()) <= 15.001


def test_rotation_is_counter_clockwise():
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 2, 1] = 1.0  # below the centre
    turned = OPERATIONS["rotate"].apply(image, torch.tensor([math.pi / 2]))
    assert float(turned[0, 0, 1, 2]) == pytest.approx(1.0, abs=1e-6)  # now to its right


def test_siamese_parameters_do_not_depend_on_the_batch():
    augment = DSA()
    many, few = torch.randn(7, 3, 16, 16), torch.randn(2, 3, 16, 16)
    few[1] = many[3]
    for seed in range(40):
        first, second = seeded(seed), seeded(seed)
        out = augment(many, first, siamese=True)
        torch.testing.assert_close(out[3], augment(few, second, siamese=True)[1])
        assert torch.equal(first.get_state(), second.get_state())


def test_without_siamese_every_image_has_its_own():
    image = torch.randn(1, 3, 16, 16).expand(8, -1, -1, -1)
    for name in OPERATIONS:
        out = DSA(name)(image, seeded(), siamese=False)
        assert out.shape == image.shape
        assert any(not torch.equal(out[0], other) for other in out[1:])
        out = DSA(name)(image, seeded(), siamese=True)
        assert all(torch.allclose(out[0], other) for other in out[1:])


def test_exactly_one_operation_drawn_uniformly():
    augment, image = DSA("crop_cutout_flip"), torch.randn(1, 3, 16, 16)
    hits = dict.fromkeys(augment.names, 0)
    for seed in range(600):
        out = augment(image, seeded(seed), siamese=True)
        g = seeded(seed)
        name = augment.names[int(torch.randint(3, (1,), generator=g))]
        hits[name] += 1
        assert torch.equal(out, OPERATIONS[name].apply(image, OPERATIONS[name].draw(1, (16, 16), g)))
    assert min(hits.values()) > 150


def test_draws_ignore_the_global_generator_and_precision():
    image = torch.randn(4, 3, 16, 16)
    torch.manual_seed(0)
    first = DSA()(image, seeded(5), siamese=False)
    torch.manual_seed(1)
    assert torch.equal(first, DSA()(image, seeded(5), siamese=False))
    double = DSA()(image.double(), seeded(5), siamese=False)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), first)


@pytest.mark.parametrize("strategy", ["color_blur", "", "none", "flip_flip"])
def test_bad_strategy(strategy):
    with pytest.raises(ConfigError, match="color, crop, cutout, flip, scale, rotate") as caught:
        DSA(strategy)
    assert "\n" not in str(caught.value)


def test_no_augmentation_and_specs():
    image, g = torch.randn(2, 3, 4, 4), seeded()
    state = g.get_state()
    assert NoAugmentation()(image, g, siamese=True) is image
    assert torch.equal(g.get_state(), state)
    assert spec_of(DSA("flip"))["init_args"] == {"strategy": "flip"}
    assert rebuild(DSA("flip_crop")).names == ("flip", "crop")


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("siamese", [True, False])
def test_empty_batch(name, siamese):
    # A process may have no share of a small batch.
    assert DSA(name)(torch.empty(0, 3, 16, 16), seeded(), siamese=siamese).shape == (0, 3, 16, 16)
