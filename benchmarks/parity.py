"""The course's networks beside torchvision's: same weights, same pictures, same answers?

Run ``python benchmarks/parity.py`` in an environment with the course, torch and torchvision. It
takes minutes; the names of some networks after it make it check those alone. It compares logits,
loss, every gradient and every change of a batch norm with what PyTorch computes in 64 bits, and
shows the error of PyTorch's own 32 bits beside ours. The exit status is 1 if anything differs too
much.

``--record`` writes what ``tests/`` compares with where there is no PyTorch.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torchvision  # before TensorFlow, or its import ends Python

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# isort: split
import numpy as np
import parity_case as case
import parity_torch
import safetensors.torch
import torch

from resnext_helpers import models
from resnext_helpers.models import load_torchvision_weights

SHAPE = (None, None, 3)
NETWORKS = {
    "resnext50_32x4d": lambda: models.ResNeXt50(SHAPE, case.CLASSES),
    "resnet50": lambda: models.ResNet50(SHAPE, case.CLASSES),
    "resnext101_32x8d": lambda: models.resnext(
        SHAPE, case.CLASSES, groups=32, width_per_group=8, blocks=models.BLOCKS[101]
    ),
}
SIZES = (64, 75)  # pixels; the strides meet even sizes and odd ones
MOST_LOGIT = 1e-4  # the largest error of one logit
TIMES_TORCH = 3  # our error may be so many times PyTorch's own, above a floor of rounding
FLOOR = 1e-6
FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
RECORDED = ("resnext50_32x4d", 64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="network", help=", ".join(NETWORKS))
    parser.add_argument("--record", action="store_true", help="write tests/fixtures instead")
    arguments = parser.parse_args()
    if unknown := set(arguments.networks) - set(NETWORKS):
        parser.error(f"no such network: {', '.join(unknown)}")
    if arguments.record:
        record_answers(*RECORDED)
        return
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}; errors are relative")
    print(f"{'network':17} size {'answer':9} {'':4} {'ours':>8} {'torch':>8} {'limit':>6}")
    well = [compare(name, size) for name in arguments.networks or NETWORKS for size in SIZES]
    compare_files()
    raise SystemExit(not all(well))


def compare(name, size):
    """Print one line for each kind of answer; returns whether all is well."""
    state_dict = parity_torch.settled_weights(name, size)
    truth, torchs = (
        parity_torch.answers(parity_torch.build(name, dtype, state_dict), size)
        for dtype in (torch.float64, torch.float32)
    )
    ours = case.keras_answers(NETWORKS[name](), state_dict, size)
    if ours.keys() != truth.keys():
        raise SystemExit(f"{name}: not the same tensors: {sorted(ours.keys() ^ truth.keys())}")
    well = True
    for kind, limit in case.LIMITS.items():
        names = [answer for answer in truth if answer.split()[0] == kind]
        our_errors = np.array([case.error(ours[answer], truth[answer]) for answer in names])
        torch_errors = np.array([case.error(torchs[answer], truth[answer]) for answer in names])
        good = (our_errors <= limit) & (our_errors <= TIMES_TORCH * torch_errors + FLOOR)
        if kind == "logits":
            good &= np.abs(ours["logits"] - truth["logits"]).max() <= MOST_LOGIT
        verdict = "ok" if good.all() else f"BAD: {names[int(good.argmin())]}"
        print(
            f"{name:17} {size:4} {kind:9} {len(names):4} {our_errors.max():8.1e} "
            f"{torch_errors.max():8.1e} {limit:6.0e} {verdict}",
            flush=True,
        )
        well &= good.all()
    return well


def compare_files():
    """Whether a file that safetensors wrote is read, PyTorch's counters of batches included."""
    name = RECORDED[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        safetensors.torch.save_file(parity_torch.build(name, torch.float32).state_dict(), path)
        load_torchvision_weights(NETWORKS[name](), path)
    print(f"{name} as a .safetensors file: ok", flush=True)


def record_answers(name, size):
    """PyTorch's answers, as fingerprints, and the shifts that ``settled_weights`` moved."""
    state_dict = parity_torch.settled_weights(name, size)
    truth = parity_torch.answers(parity_torch.build(name, torch.float64, state_dict), size)
    made = parity_torch.build(name, torch.float32).state_dict()
    moved = {
        key: tensor.numpy().astype("float16")
        for key, tensor in state_dict.items()
        if not torch.equal(tensor, made[key])
    }
    FIXTURES.mkdir(exist_ok=True)
    np.savez_compressed(
        FIXTURES / "torchvision_parity.npz",
        names=np.array(list(truth)),
        norms=np.array([np.linalg.norm(answer) for answer in truth.values()]),
        fingerprints=np.array([case.fingerprint(*item) for item in truth.items()]),
        logits=truth["logits"],
        **moved,
    )


if __name__ == "__main__":
    main()
