from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from models.dataset import Sample, drawn_already, samples_of_export, samples_of_recipe, split_places, unlabelled
from models.errors import DatasetError
from models.pseudo_labels import LabelBox
from models.recipe import Recipe, load_recipe
from tests.models.networks import write_export, write_source

SHIPPED = Path(__file__).parents[3] / "datasets" / "recipes" / "street-n.yaml"


@pytest.fixture
def recipe() -> Recipe:
    """The shipped recipe on two small sources: six blocks with boards, one road without."""
    shipped = load_recipe(SHIPPED)
    facade, bikes = shipped.sources
    split = facade.split.model_copy(update={"val_places": 1, "test_places": 2})
    boards = facade.model_copy(update={"split": split, "labels": {3: "signboard"}})
    sources = (boards, bikes.model_copy(update={"scenes": ("IMG_0*",)}))
    return shipped.model_copy(update={"sources": sources})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_source(tmp_path, "facade_ads", {f"block{number}": 3 for number in range(6)})
    write_source(tmp_path, "bikes_nerve", {"IMG_01": 2, "IMG_02": 1, "WhatsApp": 4})
    return tmp_path


def _places_by_split(samples: list[Sample]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        found[sample.split].add(sample.place)
    return found


def test_no_place_is_on_two_sides(recipe: Recipe, root: Path) -> None:
    places = _places_by_split(samples_of_recipe(recipe, root))
    assert {split: len(names) for split, names in places.items()} == {"train": 4, "val": 1, "test": 2}
    assert not places["train"] & places["val"] | places["train"] & places["test"] | places["val"] & places["test"]


def test_only_wanted_classes_and_scenes(recipe: Recipe, root: Path) -> None:
    samples = samples_of_recipe(recipe, root)
    facade = [sample for sample in samples if sample.source == "facade_ads"]
    bikes = [sample for sample in samples if sample.source == "bikes_nerve"]
    assert [[box.cue for box in sample.boxes] for sample in facade] == [["signboard"]] * 18  # no windows
    assert {(sample.place, sample.split, sample.boxes) for sample in bikes} == {("bikes_nerve", "train", ())}
    assert len(bikes) == 3  # the shopping street is left out
    assert all(sample.reviewed == {"signboard"} for sample in samples)


def test_shipped_recipe_on_the_real_pictures(shared_data: Path) -> None:
    samples = samples_of_recipe(load_recipe(SHIPPED), shared_data / "detect")
    places = _places_by_split(samples)
    assert {split: len(names) for split, names in places.items()} == {"train": 39, "val": 7, "test": 7}
    assert not places["train"] & (places["val"] | places["test"])
    boxes = [box.cue for sample in samples if sample.split == "test" for box in sample.boxes]
    assert boxes.count("signboard") == 130


@pytest.mark.parametrize(
    ("count", "val", "test", "expected"),
    [
        (10, 2, 3, {"train": 5, "val": 2, "test": 3}),
        (1, 0, 0, {"train": 1}),
        (0, 0, 0, {}),
    ],
)
def test_split_sizes(count: int, val: int, test: int, expected: dict[str, int]) -> None:
    split = split_places([f"place{number}" for number in range(count)] * 2, val=val, test=test, seed="s")
    assert {side: list(split.values()).count(side) for side in set(split.values())} == expected


def test_split_ignores_order_and_follows_the_seed() -> None:
    places = [f"place{number}" for number in range(20)]
    assert split_places(places, val=5, test=5, seed="a") == split_places(places[::-1], val=5, test=5, seed="a")
    assert split_places(places, val=5, test=5, seed="a") != split_places(places, val=5, test=5, seed="b")


def test_too_few_places() -> None:
    with pytest.raises(DatasetError, match="2 places cannot give 1 to val and 1 to test"):
        split_places(["a", "b"], val=1, test=1, seed="s")


def test_missing_pictures_and_index(recipe: Recipe, root: Path) -> None:
    strict = recipe.model_copy(update={"sources": (recipe.sources[0].model_copy(update={"scenes": ("none*",)}),)})
    with pytest.raises(DatasetError, match=r"belongs to the scenes none\*"):
        samples_of_recipe(strict, root)
    (root / "index.csv").unlink()
    with pytest.raises(DatasetError, match=r"cannot read .*index\.csv"):
        samples_of_recipe(recipe, root)


def test_export_keeps_its_split_and_its_reviewed_cues(tmp_path: Path) -> None:
    pictures = [("p1", "train", "bicycle"), ("p2", "val", "bicycle signboard"), ("p3", "train", "")]
    samples, names = samples_of_export(write_export(tmp_path, ["bicycle", "signboard"], pictures))
    assert names == ["bicycle", "signboard"]
    assert [sample.split for sample in samples] == ["train", "val", "train"]
    assert [set(sample.reviewed) for sample in samples] == [{"bicycle"}, {"bicycle", "signboard"}, set()]
    assert all(box.cue == "bicycle" and box.origin == "hand" for sample in samples for box in sample.boxes)
    # Nobody looked for sign boards in two training pictures, and the start weights do not know them.
    assert unlabelled(samples, names, ["bicycle"]) == {"signboard": 2}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data.yaml", "names: []\n", "names must be a list of cue names"),
        ("data.yaml", "nothing\n", "cannot read the class names"),
        ("reviewed_cues.csv", "image,cues\nother.png,bicycle\n", "does not name 0000000000000000.png"),
        ("reviewed_cues.csv", "image,seen\nother.png,bicycle\n", "has no column 'cues'"),
        ("provenance.csv", "image,place,split\n0000000000000000.png,p,west\n", "split 'west'"),
        ("labels/0000000000000000.txt", None, r"0000000000000000\.txt is missing: export again"),
        ("reviewed_cues.csv", None, r"cannot read .*reviewed_cues\.csv"),
    ],
)
def test_bad_exports(tmp_path: Path, file: str, content: str | None, message: str) -> None:
    write_export(tmp_path, ["bicycle"], [("p1", "train", "bicycle")])
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        samples_of_export(tmp_path)


def test_export_without_pictures(tmp_path: Path) -> None:
    write_export(tmp_path, ["bicycle"], [])
    with pytest.raises(DatasetError, match="no picture below"):
        samples_of_export(tmp_path)


@pytest.mark.parametrize(
    ("box", "drawn", "expected"),
    [
        (("bicycle", 0.5, 0.5, 0.2, 0.2), [("bicycle", 0.51, 0.5, 0.2, 0.2)], True),
        (("bicycle", 0.5, 0.5, 0.2, 0.2), [("motorcycle", 0.5, 0.5, 0.2, 0.2)], False),  # another cue
        (("bicycle", 0.5, 0.5, 0.2, 0.2), [("bicycle", 0.72, 0.5, 0.2, 0.2)], False),  # its neighbour in the row
        (("bicycle", 0.5, 0.5, 0.2, 0.2), [], False),
    ],
)
def test_the_teacher_does_not_label_again_what_a_person_drew(
    box: tuple[str, float, float, float, float],
    drawn: list[tuple[str, float, float, float, float]],
    expected: bool,
) -> None:
    hand = [LabelBox(*fields, "hand") for fields in drawn]
    assert drawn_already(LabelBox(*box, "teacher", 0.9), hand) is expected
