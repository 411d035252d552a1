"""Networks: plain modules with a last feature and a classifier, built from (num_classes, image_shape)."""

from fdd_lightning.networks.base import Network, NetworkFactory
from fdd_lightning.networks.classics import MLP, VGG11, AlexNet, LeNet
from fdd_lightning.networks.convnet import ConvNet
from fdd_lightning.networks.encoder import Encoder
from fdd_lightning.networks.resnet import ResNet18
from fdd_lightning.networks.vit import ViT

__all__ = ["MLP", "VGG11", "AlexNet", "ConvNet", "Encoder", "LeNet", "Network", "NetworkFactory", "ResNet18", "ViT"]
