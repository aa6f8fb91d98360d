"""ResNeXt-50 answers as torchvision's does: logits, loss, gradients, changes of the batch norms.

PyTorch isn't needed: ``benchmarks/parity.py --record`` wrote its answers, in 64 bits, to
``tests/fixtures``. They are answers to weights and pictures that are made anew from their names.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import parity_case as case
from resnext_helpers import models

FIXTURE = Path(__file__).parents[1] / "fixtures" / "torchvision_parity.npz"
SIZE = 64  # pixels


@pytest.fixture(scope="module")
def recorded():
    with np.load(FIXTURE) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def ours(recorded):
    model = models.ResNeXt50((None, None, 3), case.CLASSES)
    weights = case.weights(case.torch_shapes(model))
    shifts = {name: recorded[name] for name in weights if name in recorded}
    assert len(shifts) == 49  # every batch norm but the four of the projections
    return case.keras_answers(model, weights | shifts, SIZE)


def test_the_same_tensors_are_trained_and_changed(ours, recorded):
    assert set(ours) == set(recorded["names"])


def test_logits_agree_to_four_digits_after_the_point(ours, recorded):
    np.testing.assert_allclose(ours["logits"], recorded["logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "count"), [("logits", 1), ("loss", 1), ("gradient", 161), ("change", 106)]
)
def test_each_answer_is_pytorchs_within_rounding(ours, recorded, kind, count):
    errors = {
        name: case.fingerprint_error(case.fingerprint(name, ours[name]), fingerprint, norm)
        for name, fingerprint, norm in zip(
            *(recorded[key] for key in ("names", "fingerprints", "norms")), strict=True
        )
        if name.split()[0] == kind
    }
    assert len(errors) == count
    too_large = {name: error for name, error in errors.items() if not error <= case.limit(name)}
    assert not too_large


def test_fingerprints_see_a_single_wrong_number_and_a_wrong_order():
    answer = np.random.default_rng(0).normal(size=(50, 40))
    wrong_number = answer.copy()
    wrong_number[3, 7] += 1
    for wrong in (wrong_number, answer[::-1]):
        ours, theirs = (case.fingerprint("an answer", array) for array in (wrong, answer))
        assert case.fingerprint_error(ours, theirs, np.linalg.norm(answer)) > 0.01
