"""The figure of the groups shows the photographs that excite each most, and the correlations."""

import numpy as np

from resnext_course.figures import group_responses

RNG = np.random.default_rng(0)


def test_each_row_has_its_strongest_photographs_first(figures):
    response = RNG.random((9, 4))
    response[:, 2] = [0, 8, 1, 7, 2, 6, 3, 5, 4]
    photographs = RNG.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    similarity = np.corrcoef(response.T)
    picture = group_responses.picture(
        response, similarity, {"group 2": 2, "group 0": 0}, photographs, columns=3
    )
    assert picture.data["strongest"]["group 2"] == [1, 3, 5]
    assert picture.data["strongest"]["group 0"] == np.argsort(-response[:, 0])[:3].tolist()
    shown = [axis.images[0].get_array() for axis in figures[0].axes if axis.images]
    np.testing.assert_array_equal(shown[0], similarity)
    for image, number in zip(shown[1:4], [1, 3, 5], strict=True):
        np.testing.assert_array_equal(image, photographs[number])


def test_the_words_tell_the_range_of_the_correlations():
    similarity = np.array([[1, -0.5, 0.2], [-0.5, 1, 0.9], [0.2, 0.9, 1]])
    photographs = np.zeros((2, 4, 4, 3), np.uint8)
    picture = group_responses.picture(np.eye(3)[:2], similarity, {"one": 0}, photographs)
    assert "between 3 groups, from -0.50 to 0.90" in picture.alt and "one" in picture.alt
