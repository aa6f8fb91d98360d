"""The run that notebook 06 judges: notebook 05's, or a small one that is trained in its place."""

from dataclasses import replace

from resnext_helpers import data, evaluation, models, photo_folder, training
from resnext_helpers.settings import CourseSettings, display_path


def find(config: CourseSettings) -> evaluation.Run:
    """The run of notebook 05 on these photographs, or a small one, trained in seconds, if none is.

    Prints which it is. Raises as ``evaluation.load_run``: a damaged run isn't passed over.
    """
    folder = photo_folder.find(config)
    full, quick = config.run_dir(folder), replace(config, profile="quick").run_dir(folder)
    for run_dir in (full, quick):
        if any((run_dir / name).exists() for name in evaluation.FILES):
            run = evaluation.load_run(run_dir)
            print(f"The run in {display_path(run_dir)}: {len(run.history)} epochs.")
            return run
    print("There is no run of notebook 05 yet: a small network is trained instead, in seconds.")
    # One block a stage instead of 3, 4, 6 and 3, and small pictures: faster, and less accurate.
    small = replace(config, image_size=48, batch_size=16, epochs=6, learning_rate=2e-3)
    birds = data.load(small)
    shape, classes = (small.image_size, small.image_size, 3), len(birds.class_names)
    form = {"groups": 32, "width_per_group": 4, "blocks": (1, 1, 1, 1), "name": "small_resnext"}
    model = models.resnext(shape, classes, **form)
    training.compile_model(model, small.learning_rate)
    training.train(model, birds, small, quick)
    return evaluation.load_run(quick)
