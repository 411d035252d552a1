"""Samplers of real images."""

from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.matching.samplers.cycling import Cycling
from fdd_lightning.matching.samplers.kmeans import KMeans
from fdd_lightning.matching.samplers.stratified import Stratified
from fdd_lightning.matching.samplers.uniform import Uniform

__all__ = ["Cycling", "KMeans", "Sampler", "Stratified", "Uniform"]
