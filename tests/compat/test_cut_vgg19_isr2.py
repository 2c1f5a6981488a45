"""Sections 1.6 and 2.4 of the measured description of ISR 2.2: the features that its users know.

Attributes, the parameter count of [5, 9], the empty list and the least patch are in tests/models/test_cut_vgg19.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from ISR.models import Cut_VGG19

# index: (layer, side of its features for a patch of 32, channels), from section 2.4
PLACES = {
    1: ("block1_conv1", 32, 64),
    3: ("block1_pool", 16, 64),
    5: ("block2_conv2", 16, 128),
    9: ("block3_conv3", 8, 256),
    12: ("block4_conv1", 4, 512),
    16: ("block4_pool", 2, 512),
    20: ("block5_conv4", 2, 512),
    21: ("block5_pool", 1, 512),
}


def test_an_integer_is_the_layer_that_it_was() -> None:
    by_index = Cut_VGG19(32, list(PLACES), weights=None).model
    by_name = Cut_VGG19(32, [name for name, _, _ in PLACES.values()], weights=None).model
    shapes = [(None, side, side, channels) for _, side, channels in PLACES.values()]
    assert [tuple(output.shape) for output in by_index.outputs] == shapes
    assert [tuple(output.shape) for output in by_name.outputs] == shapes
    assert by_index.count_params() == 20_024_384  # the whole of VGG19 without top: section 2.5


@pytest.mark.parametrize("layers", [[9, 5], [5, 5]])
def test_features_come_in_the_order_asked_for(layers: list[int]) -> None:
    cut = Cut_VGG19(32, layers, weights=None)
    assert [feature.shape[-1] for feature in cut.features(np.zeros((1, 32, 32, 3), np.float32))] == [
        PLACES[layer][2] for layer in layers
    ]


def test_the_list_given_is_not_the_network_s_own() -> None:
    """ISR 2 kept the caller's list."""
    given: list[int | str] = [2]
    cut = Cut_VGG19(patch_size=32, layers_to_extract=given, weights=None)
    given.append(99)
    assert cut.layers_to_extract == [2]
