"""The vision transformer against torchvision's, and its patches."""

import pytest
import torch
from torchvision.models import VisionTransformer

from fdd_lightning.networks import ViT


def torchvisions(ours):
    """Return torchvision's network with the parameters of ours."""
    theirs = VisionTransformer(32, 8, num_layers=2, num_heads=3, hidden_dim=24, mlp_dim=96, num_classes=5)
    state = {
        "class_token": ours.token,
        "conv_proj.weight": ours.patches.weight,
        "conv_proj.bias": ours.patches.bias,
        "encoder.pos_embedding": ours.places,
        "encoder.ln.weight": ours.norm.weight,
        "encoder.ln.bias": ours.norm.bias,
    }
    pairs = {
        "ln_1": "norm_attention",
        "self_attention.in_proj_": "qkv",
        "self_attention.out_proj": "project",
        "ln_2": "norm_mlp",
        "mlp.0": "mlp.0",
        "mlp.3": "mlp.2",
    }
    for number, block in enumerate(ours.blocks):
        for their, own in pairs.items():
            dot = "" if their.endswith("_") else "."
            for kind in ("weight", "bias"):
                name = f"encoder.layers.encoder_layer_{number}.{their}{dot}{kind}"
                state[name] = block.get_parameter(f"{own}.{kind}")
    state |= {f"heads.head.{kind}": ours.classifier.get_parameter(kind) for kind in ("weight", "bias")}
    theirs.load_state_dict({name: value.detach() for name, value in state.items()})
    return theirs


def test_it_computes_what_torchvisions_does():
    torch.manual_seed(0)
    ours = ViT(5, (3, 32, 32), patch=8, width=24, depth=2, heads=3)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    images = torch.randn(4, 3, 32, 32)
    theirs = torchvisions(ours).train()
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "patch"), [(8, 1), (16, 2), (28, 4), (32, 4), (64, 8), (96, 16), (128, 16), (224, 16), (512, 16)]
)
def test_patches_go_by_the_size(side, patch):
    assert ViT.by_size((3, side, side)) == {"patch": patch}
    small = ViT(2, (3, side, side), width=4, depth=1, heads=1)
    assert small.places.shape[1] == 1 + (side // patch) ** 2


def test_several_are_computed_as_one():
    torch.manual_seed(0)
    alone = [ViT(3, (1, 10, 12), width=8, depth=1, heads=2) for _ in range(2)]
    stacked = {
        name: torch.stack([each.get_parameter(name) for each in alone]) for name, _ in alone[0].named_parameters()
    }
    images = torch.randn(4, 1, 10, 12)
    found = alone[0].forward_many(stacked, images)
    torch.testing.assert_close(found, torch.stack([each(images) for each in alone]))
    assert alone[0].can_stack
