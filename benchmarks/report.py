"""Writes RESULTS.md and its pictures from speed.json and accuracy.json: ``python report.py``."""

import functools
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import accuracy_report  # noqa: E402
from tables import table  # noqa: E402

from resnext_course import comparison  # noqa: E402
from resnext_course.figures import bars  # noqa: E402
from resnext_helpers import counting, models, plots  # noqa: E402

COURSE = "course"
MAIN = (224, 8)  # the article's picture size and batch


def write(results, folder):
    """RESULTS.md and its plots.

    Args:
        results: what speed.py gathered (see speed.json).
        folder: where to.
    """
    plots.use_style()
    picture = training_speed(results)
    (folder / "speed.png").write_bytes(picture.png)
    parts = [head(results), summary(results), f"![{picture.alt}](speed.png)", all_settings(results)]
    text, pictures = accuracy_report.sections(comparison.load(), speeds(results))
    parts.append(text)
    for name, drawn in pictures.items():
        (folder / name).write_bytes(drawn.png)
    (folder / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def head(results):
    machine = results["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in list(machine)[4:])
    return f"""# How fast the course's ResNeXt-50 (32×4d) is

Measured on {machine["date"]} by `make bench`: {machine["cpu"]}, {machine["cores"]} cores,
{machine["system"]}; {versions.replace("python", "Python", 1)}.

Each peer and the course's network take turns on the same random pictures, step by step; each
figure is the median of the turns. Both train with Adam and cross-entropy. **Compare only the
ratios**: seconds belong to this machine and this hour. The two Keras peers start as TensorFlow
starts by itself; the course turns oneDNN on."""


def summary(results):
    """The figures that the course promises, at the article's picture size and batch."""
    beside = {heat["peer"]: heat for heat in results["heats"] if setting(heat) == MAIN}
    torch = [heat for peer, heat in beside.items() if peer.startswith("torchvision")]
    keras = beside["Keras Conv2D(groups=32)"]
    rows = [
        ("training step, against torchvision's best layout", times(best(torch, "train"))),
        ("prediction, against torchvision's best layout", times(best(torch, "predict"))),
        (
            "training step, against Keras' own `Conv2D(groups=32)`",
            f"1/{1 / ratio(keras, 'train'):.0f} of its time",
        ),
        (
            "training, share of the limit that a matrix product sets",
            f"{share_of_limit(results):.0%} (torchvision: "
            f"{share_of_limit(results) * best(torch, 'train'):.0%})",
        ),
        (
            "first training step, building the network included",
            f"{median(results, 'first_step'):.1f} s",
        ),
        ("peak memory, training", f"{median(results, 'memory') / 1e9:.2f} GB"),
    ]
    pipeline = results["pipeline"]
    rows += [
        (
            f"input pipeline at {size} px, pictures of the sample a second",
            f"{rates['first']:,.0f} in the first epoch, {rates['later']:,.0f} from memory later",
        )
        for size, rates in pipeline.items()
    ]
    return f"""## In short

{MAIN[0]} px, batch {MAIN[1]}.

{table(("measure", "here"), rows)}

The limit: a training step needs {gflop(*MAIN):.0f} GFLOP in convolutions (two for each
multiply-add, three times: forward, and two gradients), and the best float32 matrix product
({results["matmul_size"]}×{results["matmul_size"]}) in the same run made
{gflops_a_second(results):.0f} GFLOP/s, so a step can't take less than
{gflop(*MAIN) / gflops_a_second(results):.2f} s."""


def all_settings(results):
    rows = [
        (
            f"{heat['size']} px, batch {heat['batch']}",
            heat["peer"],
            f"{heat[heat['peer']]['train']:.2f} / {heat[COURSE]['train']:.2f}",
            f"{ratio(heat, 'train'):.2f}",
            f"{heat[heat['peer']]['predict']:.3f} / {heat[COURSE]['predict']:.3f}",
            f"{ratio(heat, 'predict'):.2f}",
            f"{heat[heat['peer']]['first_step']:.1f} / {heat[COURSE]['first_step']:.1f}",
            f"{heat[heat['peer']]['memory'] / 1e9:.1f} / {heat[COURSE]['memory'] / 1e9:.1f}",
        )
        for heat in results["heats"]
    ]
    header = (
        "setting",
        "peer",
        "training step, s: peer / course",
        "course's share of it",
        "prediction, s",
        "share",
        "first step, s",
        "peak memory, GB",
    )
    return f"## Every setting\n\n{table(header, rows)}"


def speeds(results):
    """Pictures a second in training, each contender's time scaled to the same course's time."""
    course = median(results, "train")
    seconds = {"course": course} | {
        heat["peer"]: course / ratio(heat, "train")
        for heat in results["heats"]
        if setting(heat) == MAIN
    }
    return {name: MAIN[1] / time for name, time in seconds.items()}


def training_speed(results):
    """``speeds`` as bars."""
    values = {n: round(v, 1) if v < 10 else round(v) for n, v in speeds(results).items()}
    spoken = ", ".join(f"{name} {speed}" for name, speed in values.items())
    return bars.picture(
        values,
        f"Bars: pictures a second in training at {MAIN[0]} px, batch {MAIN[1]}: {spoken}.",
        xlabel="pictures a second in training",
    )


def setting(heat):
    return heat["size"], heat["batch"]


def ratio(heat, measure):
    """The course's figure as a share of the peer's beside it."""
    return heat[COURSE][measure] / heat[heat["peer"]][measure]


def best(heats, measure):
    """The ratio to the fastest of these peers: the largest."""
    return max(ratio(heat, measure) for heat in heats)


def median(results, measure):
    """The course's figure at the main setting, over all its heats."""
    return statistics.median(
        heat[COURSE][measure] for heat in results["heats"] if setting(heat) == MAIN
    )


@functools.cache
def gflop(size, batch):
    """Operations of one training step, in thousand millions."""
    macs = counting.macs(models.ResNeXt50((size, size, 3)))
    return 2 * 3 * macs * batch / 1e9


def gflops_a_second(results):
    """The best matrix product of any contender in any heat."""
    seconds = min(
        heat[name]["matmul"] for heat in results["heats"] for name in (COURSE, heat["peer"])
    )
    return 2 * results["matmul_size"] ** 3 / seconds / 1e9


def share_of_limit(results):
    return gflop(*MAIN) / gflops_a_second(results) / median(results, "train")


def times(share):
    return f"{share:.2f}× its time"


if __name__ == "__main__":
    write(json.loads((HERE / "speed.json").read_text(encoding="utf-8")), HERE)
