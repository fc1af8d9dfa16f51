"""Whole configurations."""

import pytest
import yaml
from third_party import installed, similarity_package, write_package

from tfregkit.config.experiment import load_experiment
from tfregkit.config.shipped import find_config, shipped
from tfregkit.errors import ConfigError

TEXT = """
seed: 3
data:
  dataset: {name: nifti, images: scans/*.nii.gz}
  grid: {spacing: 2}
stages:
  - name: first
    model: {name: voxelmorph, steps: 5}
    objective:
      terms:
        similarity: {similarity: {name: ncc, window: 5}}
        smoothness: {regularizer: {name: diffusion, on: velocity}, weight: 1e-2}
    trainer: {steps: 10, learning_rate: 1e-3}
  - name: second
    data: {grid: {spacing: 1}}
    model: voxelmorph
    objective: {terms: {similarity: {similarity: mse}}, lambda: uniform}
    trainer: {steps: 20}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(TEXT)
    return path


def problems(path, *overrides):
    with pytest.raises(ConfigError) as error:
        load_experiment(path, overrides)
    return str(error.value).replace(f"{path.parent}/", "").splitlines()


def test_a_whole_experiment(path):
    experiment = load_experiment(path)
    assert (experiment.path, experiment.seed, experiment.plugins, experiment.evaluation) == (path, 3, [], None)
    first, second = experiment.stages
    assert first.model.parameters["steps"] == 5
    assert first.objective.terms["smoothness"].weight == 0.01
    assert first.objective.terms["smoothness"].regularizer.parameters["on"] == "velocity"
    assert second.strategy.name == "unsupervised"
    assert second.objective.lam == "uniform"


def test_the_top_level_data_lies_under_every_stages_own(path):
    first, second = load_experiment(path).stages
    assert (first.data.grid.spacing, second.data.grid.spacing) == (2.0, 1.0)
    assert second.data.dataset.parameters["images"] == str(path.parent / "scans/*.nii.gz")


def test_what_is_resolved_loads_again_from_anywhere(path, tmp_path):
    experiment = load_experiment(path, ["evaluation.metrics=[dice]"])
    again = tmp_path / "elsewhere" / "resolved.yaml"
    again.parent.mkdir()
    again.write_text(yaml.safe_dump(experiment.plain()))
    assert load_experiment(again).settings == experiment.settings
    assert load_experiment(again).plain() == experiment.plain()


def test_overrides_win_and_reach_the_shared_data(path):
    experiment = load_experiment(path, ["data.grid.spacing=4", "stages.second.trainer.steps=7", "seed=9"])
    assert experiment.seed == 9
    assert [stage.data.grid.spacing for stage in experiment.stages] == [4.0, 1.0]
    assert experiment.stages[1].trainer.steps == 7


def test_every_problem_of_file_base_and_overrides_at_once(path):
    path.with_name("over.yaml").write_text(
        "base: c.yaml\n"
        "stages:\n"
        "  - name: second\n"
        "    model: {name: voxelmorf}\n"
        "    objective: {terms: {similarity: {similarity: {name: mse, sigm: 1}}}}\n"
        "  - name: third\n"
    )
    path.write_text(TEXT.replace("window: 5", "windw: 5"))
    assert [line for line in problems(path.with_name("over.yaml"), "seed=x") if not line.startswith("  ")] == [
        "--set seed=x: seed: Input should be a valid integer, unable to parse string as an integer. Received: seed='x'",
        "c.yaml:11: stages.first.objective.terms.similarity.similarity.windw: similarity `ncc` has no parameter "
        "`windw`. Did you mean `window`?",
        "over.yaml:4: stages.second.model.name: unknown network `voxelmorf`. Did you mean `voxelmorph`?",
        "over.yaml:5: stages.second.objective.terms.similarity.similarity.sigm: similarity `mse` has no parameter "
        "`sigm`. Did you mean `sigma`?",
        "over.yaml:6: stages.third.model: `model` is missing.",
        "over.yaml:6: stages.third.objective: `objective` is missing.",
        "over.yaml:6: stages.third.trainer: `trainer` is missing.",
    ]


def test_a_section_that_stages_share_is_wrong_once(path):
    path.write_text(TEXT.replace("grid: {spacing: 2}", "workrs: 3"))
    assert problems(path) == ["c.yaml:5: stages.first.data.workrs: unknown key `workrs`. Did you mean `workers`?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`stages` is missing"),
        ("stages: []", "List should have at least 1 item"),
        ("stages: {first: {}}", "stages: Input should be a valid list"),
        (TEXT.replace("name: second", "name: first"), "c.yaml:14: stages.first.name: two stages are called `first`."),
        (TEXT.replace("name: second", "name: a/b"), "c.yaml:14: stages.a/b.name: String should match pattern"),
        (TEXT + "trainer: {steps: 3}", "c.yaml:19: trainer: unknown key `trainer`."),
        (TEXT.replace("seed: 3", "seed: -1"), "c.yaml:2: seed: Input should be greater than or equal to 0"),
        (TEXT.replace("window: 5", "window: 4"), "c.yaml:11: stages.first.objective.terms.similarity.similarity: "),
    ],
)
def test_wrong_experiments(path, text, message):
    path.write_text(text)
    assert message in "\n".join(problems(path))


def test_constructors_are_tried_only_when_asked(path):
    path.write_text(TEXT.replace("window: 5", "window: 4"))
    assert load_experiment(path, construct=False).stages[0].name == "first"


def test_a_package_can_be_left_out(path, tmp_path, monkeypatch):
    with installed(tmp_path, monkeypatch):
        write_package(tmp_path, "acme", similarity_package("ncc"))
        path.write_text(TEXT + "plugins: {disable: [acme]}\n")
        experiment = load_experiment(path)
        assert experiment.plugins == ["acme"]
        assert "tfregkit_plugins" in experiment.stages[0].objective.terms["similarity"].similarity.component.__module__


def test_a_broken_package_is_named_when_its_component_is_asked_for(path, tmp_path, monkeypatch):
    with installed(tmp_path, monkeypatch):
        write_package(tmp_path, "acme", "import a_module_nobody_has")
        assert load_experiment(path).seed == 3
        path.write_text(TEXT.replace("similarity: mse", "similarity: acme_emd"))
        found = problems(path)
        assert found[0].endswith("unknown similarity `acme_emd`.")
        assert found[-1] == (
            "  Note: acme 1.0 (acme) failed to load: ModuleNotFoundError: No module named 'a_module_nobody_has'"
        )


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_configurations_are_valid(name):
    assert load_experiment(name).stages


def test_finding_configurations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("quickstart").name == "quickstart.yaml"
    assert find_config("quickstart.yaml") == shipped()["quickstart"]
    (tmp_path / "quickstart.yaml").write_text("seed: 1\n")
    assert find_config("quickstart.yaml").resolve() == (tmp_path / "quickstart.yaml").resolve()
    with pytest.raises(ConfigError, match=r"quickstrt: no such configuration file\. Did you mean `quickstart`\?"):
        find_config("quickstrt")
    with pytest.raises(ConfigError, match="this is a folder. Expected a YAML file"):
        find_config(tmp_path)
