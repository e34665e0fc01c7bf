"""What must hold of the compiled kernel: equal to mahotas, on cells and at every edge."""

from fractions import Fraction

import numpy as np
import pytest
from mahotas.features.texture import cooccurence, haralick_features

from coos_helpers.data import open_release
from coos_helpers.representations import rescale
from coos_helpers.representations.haralick import FEATURES, haralick
from coos_helpers.representations.texture import DISTANCES


def mahotas_haralick(image, distance):
    """Let mahotas make the 13 features of one image, with a matrix of 256 levels, as a mean over directions."""
    matrices = np.zeros((4, 256, 256), np.int32)
    for direction, matrix in enumerate(matrices):
        cooccurence(image, direction, matrix, symmetric=True, distance=distance)
    return haralick_features(matrices, return_mean=True)


def assert_equal(ours, theirs):
    """Compare features of (N, 13 * D) to 1e-9 relative, where the features themselves have that many digits.

    Correlation and the two information measures are differences of numbers that may be nearly equal: near 0 only the
    digits of those numbers count, here all but the last four of a double. The second measure is a square root of such
    a difference, so it is its square that is compared.
    """
    ours, theirs = (x.reshape(len(x), -1, 13).copy() for x in (ours, theirs))
    for x in (ours, theirs):
        x[..., 12] **= 2
    for feature, name in enumerate(FEATURES):
        absolute = 1e-12 if feature in (2, 11, 12) else 1e-14
        np.testing.assert_allclose(
            ours[..., feature], theirs[..., feature], rtol=1e-9, atol=absolute, err_msg=f"{name} differs"
        )


def reference(images, distances):
    return np.array([np.concatenate([mahotas_haralick(image, d) for d in distances]) for image in images])


def eight_bit(images):
    return rescale.to_8bit(rescale.min_max(images))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("name", ["train", "test1", "test2", "test3", "test4"])
def test_features_of_simulated_cells_are_mahotas(simulated, name):
    split = simulated[name]
    images = eight_bit(split.images[np.linspace(0, len(split) - 1, 2).astype(int)][:, 0])
    assert_equal(haralick(images, DISTANCES), reference(images, DISTANCES))
    np.testing.assert_allclose(haralick(images, (1, 4)), reference(images, (1, 4)), rtol=1e-9, atol=0)


def test_features_of_real_cells_are_mahotas(real_cells):
    for split in open_release(real_cells).values():
        images = eight_bit(split.images[len(split) // 2 :][:1, 0])
        assert_equal(haralick(images, DISTANCES), reference(images, DISTANCES))


def edge_cases():
    y, x = np.mgrid[:64, :64]
    bright = np.zeros((64, 64), np.uint8)
    bright[20, 40] = 255
    corner = np.zeros((64, 64), np.uint8)
    corner[0, 0] = 1
    return {
        "black": np.zeros((64, 64), np.uint8),
        "white": np.full((64, 64), 255, np.uint8),
        "one bright pixel": bright,
        "one pixel in the corner": corner,
        "two levels": noise(64, 64) // 128 * 200 + 5,
        "checkerboard": ((x + y) % 2 * 255).astype(np.uint8),
        "stripes": (x % 2 * 255).astype(np.uint8),
        "ramp": (4 * x).astype(np.uint8),
        "diagonal ramp": (2 * (x + y)).astype(np.uint8),
        "noise": noise(64, 64),
        "wide": noise(20, 50),
        "smallest": noise(17, 17),
    }


@pytest.mark.parametrize("image", edge_cases().values(), ids=edge_cases().keys())
def test_features_at_the_edges_are_mahotas(image):
    ours = haralick(image[None], DISTANCES)
    assert np.isfinite(ours).all()
    assert_equal(ours, reference(image[None], DISTANCES))


def test_correlation_of_nearly_equal_bright_levels_is_exact_where_mahotas_loses_digits():
    image = noise(64, 64) % 2 + 254
    exact = []
    for dr, dc in ((0, 1), (1, 1), (1, 0), (1, -1)):
        pairs = [
            (int(image[r, c]), int(image[r + dr, c + dc]))
            for r in range(64 - dr)
            for c in range(max(0, -dc), 64 - max(0, dc))
        ]
        mean = Fraction(sum(a + b for a, b in pairs), 2 * len(pairs))
        spread = sum((a - mean) ** 2 + (b - mean) ** 2 for a, b in pairs)
        exact.append(2 * sum((a - mean) * (b - mean) for a, b in pairs) / spread)
    exact = float(sum(exact) / 4)
    assert haralick(image[None])[0, 2] == pytest.approx(exact, rel=1e-13)
    assert mahotas_haralick(image, 1)[2] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("shape", [(2, 2), (2, 7), (7, 2), (3, 3), (16, 16)])
def test_the_smallest_images_and_the_largest_distances_are_mahotas(shape):
    images = noise(4, *shape) % 4
    distances = range(1, min(shape))
    assert_equal(haralick(images, distances), reference(images, distances))


def test_columns_go_distance_by_distance():
    images = noise(4, 24, 24) // 8
    together = haralick(images, (1, 7, 3))
    assert together.shape == (4, 39) and together.dtype == np.float64
    for i, distance in enumerate((1, 7, 3)):
        np.testing.assert_array_equal(together[:, 13 * i : 13 * i + 13], haralick(images, (distance,)))


def test_neither_the_number_of_threads_nor_images_beside_it_change_a_bit_of_an_image():
    images = noise(700, 20, 20) // 16  # three pieces of work
    images[::3] = 0
    one = haralick(images, (1, 2), n_jobs=1)
    for n_jobs in (2, 3, None):
        np.testing.assert_array_equal(haralick(images, (1, 2), n_jobs=n_jobs), one)
    for i in (0, 1, 255, 256, 699):
        np.testing.assert_array_equal(haralick(images[i : i + 1], (1, 2))[0], one[i])
    assert haralick(images[:0], DISTANCES).shape == (0, 65)


def test_the_images_memory_layout_does_not_matter():
    images = noise(6, 2, 20, 24)
    expected = haralick(np.ascontiguousarray(images[:, 0]))
    np.testing.assert_array_equal(haralick(images[:, 0]), expected)
    np.testing.assert_array_equal(haralick(np.asfortranarray(images[:, 0])), expected)
    np.testing.assert_array_equal(haralick(images[::-1, 0])[::-1], expected)
    images.flags.writeable = False
    np.testing.assert_array_equal(haralick(images[:, 0]), expected)


@pytest.mark.parametrize(
    "images, words",
    [
        (np.zeros((2, 8, 8), np.uint16), r"\(2, 8, 8\) and type uint16; expected \(N, H, W\) uint8.*rescale"),
        (np.zeros((2, 8, 8)), "type float64"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\)"),
    ],
)
def test_other_images_are_refused(images, words):
    with pytest.raises(ValueError, match=f"haralick: found .*{words}"):
        haralick(images)


@pytest.mark.parametrize("distances", [0, -1, 8, (1, 8), (1, 0), (), 1.5, (1.0, 2.0), "1"])
def test_other_distances_are_refused(distances):
    with pytest.raises(ValueError, match=r"haralick: found distances .*; expected .* from 1 to 7 .* 8 x 12 pixels"):
        haralick(np.zeros((2, 8, 12), np.uint8), distances)


@pytest.mark.parametrize("shape", [(4, 400_000), (3000, 3000)])
def test_sums_of_large_images_of_full_contrast_stay_right(shape):
    """From about 1,700 x 1,700 pixels on the sums may not fit into 64 bits."""
    image = np.where(np.arange(shape[0])[:, None] < shape[0] // 2, 0, 255) + np.zeros(shape[1], np.int64)
    image[:, ::2] //= 3
    images = image[None].astype(np.uint8)
    np.testing.assert_allclose(haralick(images), reference(images, (1,)), rtol=1e-9)


def test_a_large_image_has_room_for_its_counts():
    """More pairs of one kind than 16 bits can count."""
    flat = np.zeros((1, 300, 300), np.uint8)
    flat[0, 100:160, 100:160] = 255
    np.testing.assert_allclose(haralick(flat, (1,)), reference(flat, (1,)), rtol=1e-9, atol=1e-12)
