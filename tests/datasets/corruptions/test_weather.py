from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest

from tests.datasets.corruptions.pictures import LEVELS, compare


@pytest.mark.parametrize("level", LEVELS)
def test_snow(level):
    from scipy.ndimage import zoom

    mean, std, factor, threshold, radius, sigma, mix = {
        1: (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        2: (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        3: (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        4: (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        5: (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    }[level]

    def literal(image, generator):
        layer = generator.normal(mean, std, (32, 32))
        angle = math.radians(generator.uniform(-135, -45))
        kept = math.ceil(32 / factor)
        top = (32 - kept) // 2
        layer = zoom(layer[top : top + kept, top : top + kept], factor, order=1)
        trim = (len(layer) - 32) // 2
        layer = layer[trim : trim + 32, trim : trim + 32]
        layer = np.floor(np.where(layer < threshold, 0, layer).clip(0, 1) * 255)
        weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(2 * radius + 1)]
        fallen = np.zeros((32, 32))
        for k, weight in enumerate(weights):
            dy, dx = math.ceil(k * math.sin(angle) - 0.5), math.ceil(k * math.cos(angle) - 0.5)
            for y in range(32):
                for x in range(32):
                    fallen[y, x] += weight / sum(weights) * layer[min(max(y + dy, 0), 31), min(max(x + dx, 0), 31)]
        fallen = np.rint(fallen) / 255
        out = np.empty_like(image)
        for y in range(32):
            for x in range(32):
                red, green, blue = image[y, x]
                pale = (0.299 * red + 0.587 * green + 0.114 * blue) * 1.5 + 0.5
                snow = fallen[y, x] + fallen[31 - y, 31 - x]
                out[y, x] = mix * image[y, x] + (1 - mix) * np.maximum(image[y, x], pale) + snow
        return out

    compare("snow", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_fog(level):
    amplitude, decay = {1: (0.2, 3), 2: (0.5, 3), 3: (0.75, 2.5), 4: (1, 2), 5: (1.5, 1.75)}[level]

    def literal(image, generator):
        height = np.zeros((32, 32))
        step, wibble = 32, 100.0
        while step >= 2:
            half, count = step // 2, 32 // step
            jolts = generator.uniform(-1, 1, (3, count, count)) * wibble * wibble
            for i in range(count):
                for j in range(count):
                    y, x = i * step, j * step
                    corners = sum(height[(y + a) % 32, (x + b) % 32] for a in (0, step) for b in (0, step))
                    height[y + half, x + half] = corners / 4 + jolts[0, i, j]
            middles = height.copy()
            for i in range(count):
                for j in range(count):
                    y, x = i * step, j * step
                    above, here = middles[(y - half) % 32, x + half], middles[y + half, x + half]
                    left = middles[y + half, (x - half) % 32]
                    right, below = middles[y, (x + step) % 32], middles[(y + step) % 32, x]
                    height[y, x + half] = (middles[y, x] + right + above + here) / 4 + jolts[1, i, j]
                    height[y + half, x] = (middles[y, x] + below + left + here) / 4 + jolts[2, i, j]
            step, wibble = half, wibble / decay
        height = (height - height.min()) / (height.max() - height.min())
        brightest = image.max()
        return (image + amplitude * height[:, :, None]) * brightest / (brightest + amplitude)

    compare("fog", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_brightness(level):
    more = {1: 0.05, 2: 0.1, 3: 0.15, 4: 0.2, 5: 0.3}[level]

    def literal(image, generator):
        out = np.empty_like(image)
        for y in range(32):
            for x in range(32):
                hue, saturation, value = colorsys.rgb_to_hsv(*image[y, x])
                out[y, x] = colorsys.hsv_to_rgb(hue, saturation, min(value + more, 1))
        return out

    compare("brightness", level, literal)
