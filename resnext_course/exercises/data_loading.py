"""The exercises of notebook 02."""

from resnext_course.exercises._exercise import Exercise, is_number
from resnext_course.exercises._pipelines import wrong_batches, wrong_training_batches
from resnext_course.exercises._splits import wrong_split


def _wrong_scaled(answer):
    """(255 / 255 - 0.485) / 0.229"""
    mistakes = (
        (1.0, "That is 255 / 255; the mean and the spread are still missing."),
        (0.515, "The mean is taken away; divide by the spread, 0.229, too."),
        ((255 - 0.485) / 0.229, "Divide by 255 first: the mean belongs to values from 0 to 1."),
        (1 - 0.485 / 0.229, "First the mean, then the spread: put brackets round the difference."),
        (2.429, "These are the green channel's mean and spread."),
        (2.640, "These are the blue channel's mean and spread."),
    )
    steps = "Three steps: divide by 255, take the mean away, divide by the spread."
    return _wrong_number(answer, 0.515 / 0.229, mistakes, steps)


def _wrong_baseline(answer):
    """143 / (143 + 129 + 131 + 137)"""
    mistakes = (
        (143, "That many are right; divide by the number of all photographs."),
        (26.48, "That is in per cent: write it as a number between 0 and 1."),
        (0.25, "It would be 1/4 if all classes had the same size, and they don't."),
        (129 / 540, "That is the rarest bird; the most frequent one is right more often."),
        (397 / 540, "That is the share of wrong answers."),
    )
    steps = "Photographs of the most frequent bird, divided by all photographs."
    return _wrong_number(answer, 143 / 540, mistakes, steps)


def _wrong_number(answer, right, mistakes, otherwise):
    if not is_number(answer):
        return "The answer is one number."
    if _is_near(answer, right):
        return None
    return next((why for value, why in mistakes if _is_near(answer, value)), otherwise)


def _is_near(answer, value):
    margin = 0.004 * abs(value)  # room for an answer that was rounded
    return value - margin <= answer <= value + margin


_LEAKS = {
    "A": "A doesn't leak: each photograph goes into one part, and only the training part is varied",
    "B": "B leaks: variations of one photograph can lie in both parts",
    "C": "C leaks: the two calls shuffle in different ways, so their cuts don't fit together",
    "D": "D leaks: photographs of the same moment look nearly the same, and can lie in both parts",
    "E": "E doesn't leak: nothing of the validation photographs is used for training",
}


def _wrong_leaks(answer):
    text = "".join(map(str, answer)) if isinstance(answer, str | list | tuple | set) else ""
    letters = {letter for letter in text.upper() if letter not in " ,;"}
    if not letters or letters - set(_LEAKS):
        return 'Write the letters of the ways that leak, such as "AE".'
    for letter, why in _LEAKS.items():
        if (letter in letters) == ("doesn't" in why):
            return f"{why}."
    return None


EXERCISES = {
    "02-scale": Exercise(
        what_is_wrong=_wrong_scaled,
        praise="The brightest red lies 2.2 spreads above the mean.",
        hints=(
            "First bring 0..255 to 0..1.",
            "(x / 255 - mean) / spread, with the numbers of the red channel.",
        ),
        solution="(255 / 255 - 0.485) / 0.229 = 2.249",
    ),
    "02-baseline": Exercise(
        what_is_wrong=_wrong_baseline,
        praise="A network that doesn't beat 0.265 has learned nothing.",
        hints=(
            "Which class does it name, and how often is that right?",
            "There are 143 + 129 + 131 + 137 photographs.",
        ),
        solution="It is right for 143 of 540 photographs: 143 / 540 = 0.265.",
    ),
    "02-leak": Exercise(
        what_is_wrong=_wrong_leaks,
        praise="In B, C and D, the network is tested on what it has seen, or nearly so.",
        hints=(
            "Ask for each way: can the same bird on the same branch lie in both parts?",
            "Three of the five ways leak.",
        ),
        solution='"BCD"\n' + "\n".join(f"{why}." for why in _LEAKS.values()),
    ),
    "02-shuffle": Exercise(
        what_is_wrong=wrong_batches,
        praise="Every element comes once an epoch, each time in new company.",
        hints=(
            "Which should come first, batch() or shuffle()?",
            "shuffle(n) chooses among the next n elements. How many elements are there?",
        ),
        solution=(
            "def prepare(dataset):\n"
            "    return dataset.cache().shuffle(len(dataset)).batch(8).prefetch(tf.data.AUTOTUNE)"
        ),
    ),
    "02-split": Exercise(
        what_is_wrong=wrong_split,
        praise="The same share of each class, drawn by chance, and the same for everybody.",
        hints=(
            "Do one class at a time: where is labels equal to it?",
            "Shuffle the positions of this class, and keep the first share of them.",
            "np.random.default_rng(seed) gives the same chance for the same seed. Its method "
            "permutation(positions) shuffles.",
        ),
        solution=(
            "def keep_back(labels, fraction, seed):\n"
            "    chance = np.random.default_rng(seed)\n"
            "    kept = []\n"
            "    for label in set(labels):\n"
            "        members = np.flatnonzero(np.array(labels) == label)\n"
            "        kept += list(chance.permutation(members)[: round(fraction * len(members))])\n"
            "    return kept"
        ),
    ),
    "02-repair": Exercise(
        what_is_wrong=wrong_training_batches,
        praise="Read once, shuffled one by one, and varied anew in each epoch.",
        hints=(
            "What does cache() keep? What should be new in each epoch?",
            "What does shuffle(3) shuffle here: photographs, or batches?",
            "cache, shuffle, batch, prefetch. What is random comes after cache.",
        ),
        solution=(
            "It had three mistakes: cache() keeps the first variations for ever, shuffle() moves "
            "whole batches,\nand only three of them at a time.\n"
            "def training_batches(dataset, vary):\n"
            "    dataset = dataset.cache().shuffle(len(dataset)).map(vary)\n"
            "    return dataset.batch(8).prefetch(tf.data.AUTOTUNE)"
        ),
    ),
}
