"""The course's networks beside torchvision's: same weights, same pictures, same answers?

Run ``python benchmarks/parity.py`` in an environment with the course, torch and torchvision. It
takes minutes; the names of some networks after it make it check those alone. It compares logits,
loss, every gradient and every change of a batch norm with what PyTorch computes in 64 bits, and
shows the error of PyTorch's own 32 bits beside ours. Then come files of weights, and the way from
a photograph to a network's input. The exit status is 1 if anything differs too much.

``--record`` writes what ``tests/`` compares with where there is no PyTorch.
"""

import argparse
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path

import torchvision  # before TensorFlow, or its import ends Python

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# isort: split
import numpy as np
import parity_case as case
import parity_torch
import safetensors.torch
import torch
from PIL import Image

from resnext_course import imagenet
from resnext_helpers import models
from resnext_helpers.torch_files import read_state_dict
from resnext_helpers.torch_weights import load_torchvision_weights

SHAPE = (None, None, 3)
NETWORKS = {
    "resnext50_32x4d": lambda: models.ResNeXt50(SHAPE, case.CLASSES),
    "resnet50": lambda: models.ResNet50(SHAPE, case.CLASSES),
    "resnext101_32x8d": lambda: models.ResNeXt101(SHAPE, case.CLASSES, width_per_group=8),
}
SIZES = (64, 75)  # pixels; the strides meet even sizes and odd ones
MOST_LOGIT = 1e-4  # the largest error of one logit
TIMES_TORCH = 3  # our error may be so many times PyTorch's own, above a floor of rounding
FLOOR = 1e-6
MOST_PIXEL = 1e-6
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
        record_files()
        return
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}; errors are relative")
    print(f"{'network':17} size {'answer':9} {'':4} {'ours':>8} {'torch':>8} {'limit':>6}")
    well = [compare(name, size) for name in arguments.networks or NETWORKS for size in SIZES]
    well += [*compare_files(), *compare_preprocessing()]
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
    """Whether files that torch and safetensors wrote are read back bit by bit, and fit."""
    name = RECORDED[0]
    state_dict = parity_torch.build(name, torch.float32).state_dict()
    model = NETWORKS[name]()
    with tempfile.TemporaryDirectory() as folder:
        for format_, write in WRITERS.items():
            path = Path(folder) / "weights"
            write(state_dict, path)
            read = read_state_dict(path)
            same = read.keys() == state_dict.keys() and all(
                np.array_equal(read[key], state_dict[key].numpy()) for key in read
            )
            same = same and not load_torchvision_weights(model, path).fresh
            print(f"{name} as {format_}: {'ok' if same else 'BAD'}", flush=True)
            yield same


WRITERS = {
    "a file of torch.save": torch.save,
    "a file of torch.save before 1.6": lambda tensors, path: torch.save(
        tensors, path, _use_new_zipfile_serialization=False
    ),
    "a .safetensors file": safetensors.torch.save_file,
}


def compare_preprocessing():
    """Whether photographs become the pixels that torchvision's own transforms make of them."""
    published = torchvision.models.ResNeXt50_32X4D_Weights
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        for width, height in ((640, 427), (333, 500), (231, 231), (90, 301)):
            pixels = np.random.RandomState(width).randint(0, 256, (height, width, 3), "uint8")
            Image.fromarray(pixels).save(path)
            for version in imagenet.PUBLISHED:
                transform = published[f"IMAGENET1K_{version}"].transforms()
                theirs = transform(Image.open(path)).permute(1, 2, 0).numpy()
                error = np.abs(imagenet.preprocess(path, version) - theirs).max()
                same = error <= MOST_PIXEL
                print(
                    f"{width}×{height} pixels for {version}: {error:.0e}", "ok" if same else "BAD"
                )
                yield same


# -- recording ---------------------------------------------------------------------------------


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


def record_files():
    """Small files of each format, with every kind of number and of layout that is read."""
    numbers = torch.arange(12.0)
    tensors = OrderedDict(
        matrix=numbers.reshape(3, 4),
        transposed=numbers.reshape(3, 4).T,
        part=numbers[5:9],
        parameter=torch.nn.Parameter(-numbers[:3]),
        float64=numbers.double() / 3,
        float16=numbers.half() / 4,
        bfloat16=numbers.bfloat16() * 1000,
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
    )
    tensors._metadata = {"": {"version": 1}}  # as a module's state dict has it
    checkpoint = {
        "epoch": 3,
        "model": {f"module.{name}": tensor for name, tensor in tensors.items()},
        "optimizer": {"state": {0: {"momentum_buffer": numbers}}, "param_groups": [{"lr": 0.1}]},
    }
    legacy = {"_use_new_zipfile_serialization": False}
    torch.save(tensors, FIXTURES / "zip.pth")
    torch.save(tensors, FIXTURES / "legacy.pth", **legacy)
    torch.save(checkpoint, FIXTURES / "checkpoint.pth")
    torch.save(checkpoint, FIXTURES / "legacy_checkpoint.pth", **legacy)
    torch.save(torch.nn.Linear(2, 1), FIXTURES / "whole_module.pth")
    separate = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(separate, FIXTURES / "tensors.safetensors")


if __name__ == "__main__":
    main()
