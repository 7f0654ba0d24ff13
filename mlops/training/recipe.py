"""A training recipe: every number that decides the result, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).parent / "recipes"
# Keys that a recipe need not have.
_OPTIONAL = {"auxiliary_groups", "layers"}


class RecipeError(ValueError):
    """A recipe that is missing, unreadable or holds an unknown or missing key."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyper-parameters of one fine-tuning run. Learning rates are peak values of AdamW.

    ``teachers`` are runs of their own; with any, their averaged probabilities are mixed into the
    targets, of which ``hard_share`` stays the annotators' labels. ``auxiliary_groups`` say which
    labels a column of the second domain's file stands for. ``layers`` are those of the base that
    the model keeps, counted from 0; none means all. A teacher of no epochs is the base itself.
    """

    name: str
    epochs: int
    batch_size: int
    encoder_learning_rate: float
    head_learning_rate: float
    weight_decay: float
    warmup_share: float
    dropout: float
    max_length: int
    merge_duplicates: bool
    average_decay: float
    rare_share: float
    name_share: float
    names_masked: bool
    gender_share: float
    typo_share: float
    negation: bool
    emoji_words: bool
    auxiliary_weight: float
    hard_share: float
    teacher_weight: float
    genders_equal: bool
    seed: int
    auxiliary_groups: dict[str, list[str]] = field(default_factory=dict)
    layers: list[int] = field(default_factory=list)
    teachers: tuple[Recipe, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for provenance."""
        return asdict(self)


def recipe_seeded(recipe: Recipe, seed: int) -> Recipe:
    """*recipe* with another seed, also for the teachers that share its own."""
    teachers = tuple(
        replace(teacher, seed=seed) if teacher.seed == recipe.seed else teacher
        for teacher in recipe.teachers
    )
    return replace(recipe, seed=seed, teachers=teachers)


def recipe_load(name: str) -> Recipe:
    """The recipe *name* of ``mlops/training/recipes``, or the TOML file at that path.

    A ``[[teachers]]`` table holds only what differs from the top level.

    Raises:
        RecipeError: naming what is wrong and what is available.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise RecipeError(f"no recipe {name!r} ({path}); available: {known}") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    return _parsed(path, values)


def _parsed(path: Path, values: dict[str, Any]) -> Recipe:
    teachers = values.pop("teachers", [])
    expected = {each.name for each in fields(Recipe)} - {"name", "teachers", *_OPTIONAL}
    wrong = sorted(expected ^ (values.keys() - _OPTIONAL))
    if wrong:
        raise RecipeError(f"{path}: keys missing or unknown: {', '.join(wrong)}")
    recipe = Recipe(name=path.stem, **values)
    recipe = replace(recipe, teachers=tuple(_teacher(path, recipe, each) for each in teachers))
    if recipe.teacher_weight and [each.seed for each in recipe.teachers[:1]] != [recipe.seed]:
        raise RecipeError(f"{path}: teacher_weight wants a first teacher of the recipe's own seed")
    return recipe


def _teacher(path: Path, recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    unknown = sorted(changes.keys() - {each.name for each in fields(Recipe)})
    if unknown or "name" not in changes or "teachers" in changes:
        raise RecipeError(f"{path}: a teacher needs a name and known keys only, not {unknown}")
    return replace(recipe, **changes)
