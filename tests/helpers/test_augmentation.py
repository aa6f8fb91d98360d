import numpy as np
import pytest
from pictures import picture

from resnext_helpers import augmentation
from resnext_helpers.augmentation import augment, vary


@pytest.fixture
def images():
    return np.stack([np.array(picture(seed, (32, 32))) for seed in range(6)])


def test_form_and_range_stay(images):
    changed = augment(images, 1).numpy()
    assert (changed.shape, changed.dtype) == (images.shape, np.float32)
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_the_seed_decides(images):
    np.testing.assert_array_equal(augment(images, 1), augment(images, 1))
    assert not np.allclose(augment(images, 1), augment(images, 2), atol=1)


def test_each_picture_of_a_batch_changes_in_its_own_way(images):
    same = np.stack([images[0]] * 4)
    changed = augment(same, 3).numpy()
    for one in range(4):
        for other in range(one):
            assert not np.allclose(changed[one], changed[other], atol=1)


def test_half_of_the_pictures_are_mirrored():
    """A picture that is dark on the left and bright on the right tells by itself."""
    ramp = np.broadcast_to(np.linspace(0, 255, 32)[:, None], (32, 32, 3))
    changed = augment(np.stack([ramp] * 400), 4).numpy().mean(axis=(1, 3))
    mirrored = changed[:, :16].mean(axis=1) > changed[:, 16:].mean(axis=1)
    assert 160 < mirrored.sum() < 240


STILL = {"turn": 0, "view": 1, "right": 0, "down": 0, "brightness": 1, "contrast": 1}


def change(images, mirror=False, **amounts):
    amounts = {
        name: np.full(len(images), value, np.float32) for name, value in (STILL | amounts).items()
    }
    return vary(images, mirror=np.full(len(images), mirror), **amounts).numpy()


def test_each_movement_does_what_its_name_says(images):
    quarter = np.pi / 2
    np.testing.assert_allclose(change(images), images, atol=0.01)
    np.testing.assert_allclose(change(images, mirror=True), images[:, :, ::-1], atol=0.01)
    np.testing.assert_allclose(
        change(images, turn=quarter), np.rot90(images, axes=(1, 2)), atol=0.5
    )
    shifted = change(images, right=4 / 32, down=2 / 32)
    np.testing.assert_allclose(shifted[:, :-2, :-4], images[:, 2:, 4:], atol=0.01)
    ramp = np.broadcast_to(np.arange(32.0)[:, None], (1, 32, 32, 3))
    np.testing.assert_allclose(change(ramp, view=0.5), 15.5 + (ramp - 15.5) / 2, atol=0.01)


def test_augment_stays_within_its_limits(images, monkeypatch):
    drawn = {}
    monkeypatch.setattr(augmentation, "vary", lambda images, **amounts: drawn.update(amounts))
    augment(np.stack([images[0]] * 500), 5)
    turns = np.degrees(drawn["turn"])
    assert (-10 <= turns.min() < -9) and (9 < turns.max() <= 10)
    for name, limit in {"view": 0.1, "brightness": 0.2, "contrast": 0.2}.items():
        amounts = drawn[name].numpy()
        assert 1 - limit <= amounts.min() < 1 - 0.9 * limit, name
        assert 1 + 0.9 * limit < amounts.max() <= 1 + limit, name
    for name in ("right", "down"):
        assert 0.09 < np.abs(drawn[name]).max() <= 0.1, name


def test_light_changes_the_mean_and_contrast_the_spread(images):
    calm = 100 + images.astype(np.float32) / 10  # far from black and white
    brighter = change(calm, brightness=1.2)
    np.testing.assert_allclose(brighter.mean((1, 2, 3)), 1.2 * calm.mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(brighter.std((1, 2, 3)), calm.std((1, 2, 3)), rtol=1e-3)
    sharper = change(calm, contrast=1.2)
    np.testing.assert_allclose(sharper.mean((1, 2, 3)), calm.mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(sharper.std((1, 2, 3)), 1.2 * calm.std((1, 2, 3)), rtol=1e-3)
