"""Storage in cells, cell by cell."""

import pytest
import torch
from torch.nn.functional import interpolate

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.parameterisations import MultiFormation, PartitionExpand

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def multi(factor):
    parameterisation = MultiFormation(factor)
    parameterisation.prepare(MEAN, STD)
    return parameterisation


def normalised(pixels):
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    return (pixels - mean) / std


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_decoding_enlarges_each_cell(factor):
    stored = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found, side = multi(factor).decode(stored), 8 // factor
    k = 0
    for image in stored:
        for i in range(factor):
            for j in range(factor):
                cell = image[:, i * side : (i + 1) * side, j * side : (j + 1) * side]
                big = interpolate(cell[None], size=(8, 8), mode="bilinear", align_corners=False)[0]
                torch.testing.assert_close(found[k], normalised(big), rtol=1e-5, atol=1e-6)
                k += 1
    assert k == len(found) == 3 * factor**2


def test_what_cannot_be_divided_is_padded_with_grey():
    stored = torch.zeros(1, 3, 8, 8)
    found = multi(3).decode(stored)  # cells of 3 pixels: 9 rows and columns
    assert len(found) == 9
    assert torch.equal(found[0], normalised(torch.zeros(3, 8, 8)))
    corner = torch.zeros(3, 3, 3)
    corner[:, 2, :] = corner[:, :, 2] = 0.5
    big = interpolate(corner[None], size=(8, 8), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(found[8], normalised(big), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("parameterisation", [multi(2), multi(3), PartitionExpand(2)])
def test_encoding_puts_each_image_into_its_cell(parameterisation):
    factor = parameterisation.factor
    flat = torch.linspace(-0.7, 0.7, 2 * factor**2).view(-1, 1, 1, 1).expand(-1, 3, 12, 12)  # one tone each
    stored = parameterisation.encode(flat)
    assert stored.shape == (2, 3, 12, 12)
    torch.testing.assert_close(parameterisation.decode(stored)[:, :, 6, 6], flat[:, :, 6, 6], rtol=1e-4, atol=1e-5)


def test_shrinking_is_by_nearest_neighbour_in_idc_and_bilinear_in_idm():
    image = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    stored = PartitionExpand(2).encode(image)
    torch.testing.assert_close(stored[0, :, :4, 4:], interpolate(image[1:2], scale_factor=0.5, mode="bilinear")[0])
    plain = MultiFormation(2).encode(image)  # without a normalisation: pixels
    assert torch.equal(plain[0, :, 4:, :4], image[2, :, ::2, ::2])


def test_where_the_size_cannot_be_divided_the_last_cells_take_a_smaller_image():
    """32 pixels in three cells: 11, 11 and 10, as in IDC's code."""
    images = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    stored, edges = MultiFormation(3).encode(images)[0], [0, 11, 22, 32]
    for k, image in enumerate(images):
        (top, bottom), (left, right) = edges[k // 3 :][:2], edges[k % 3 :][:2]
        small = interpolate(image[None], size=(bottom - top, right - left), mode="nearest")[0]
        assert torch.equal(stored[:, top:bottom, left:right], small)
    assert PartitionExpand(3).encode(images[:, :, :4, :4]).shape == (1, 3, 4, 4)  # the third cells are empty


def test_only_multi_formation_keeps_its_range():
    wild = torch.tensor([-0.5, 0.3, 1.7]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert multi(2).constrain(wild)[0, :, 0, 0].tolist() == pytest.approx([0, 0.3, 1])
    assert torch.equal(PartitionExpand(2).constrain(wild), wild)


def test_gradients_reach_what_is_stored():
    stored = torch.rand(2, 3, 8, 8, requires_grad=True)
    multi(2).decode(stored).sum().backward()
    assert stored.grad is not None
    torch.testing.assert_close(stored.grad.sum((2, 3)), (4 * 64 / torch.tensor(STD)).expand(2, 3), rtol=1e-4, atol=1e-2)


def test_a_factor_below_one_is_one_line():
    with pytest.raises(ConfigError, match="factor must be at least 1, not 0"):
        PartitionExpand(0)
