"""Data modules: one per data set, all with the facts, splits and batches of :class:`BaseDataModule`."""

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datamodules.bffhq import BFFHQ
from fdd_lightning.datamodules.bg_fmnist import BGFMNIST
from fdd_lightning.datamodules.celeba import CelebA
from fdd_lightning.datamodules.cifar10_s import CIFAR10S
from fdd_lightning.datamodules.cmnist import CMNIST
from fdd_lightning.datamodules.colored_digits import ColoredDigits
from fdd_lightning.datamodules.corrupted_cifar10 import CorruptedCIFAR10
from fdd_lightning.datamodules.fairdd_colored import (
    CFMNISTBackground,
    CFMNISTBackgroundIntended,
    CFMNISTForeground,
    CMNISTBackground,
    CMNISTForeground,
)
from fdd_lightning.datamodules.folder import Folder
from fdd_lightning.datamodules.grey_folder import GreyFolder
from fdd_lightning.datamodules.original import CIFAR10, FashionMNIST
from fdd_lightning.datamodules.utkface import UTKFace

__all__ = [
    "BFFHQ",
    "BGFMNIST",
    "CIFAR10",
    "CIFAR10S",
    "CMNIST",
    "BaseDataModule",
    "CFMNISTBackground",
    "CFMNISTBackgroundIntended",
    "CFMNISTForeground",
    "CMNISTBackground",
    "CMNISTForeground",
    "CelebA",
    "ColoredDigits",
    "CorruptedCIFAR10",
    "FashionMNIST",
    "Folder",
    "GreyFolder",
    "UTKFace",
]
