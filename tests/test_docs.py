"""Documents that say what the code says."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from third_party import forget

from tfregkit import hookspecs
from tfregkit.config.experiment import load_experiment

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def test_the_configuration_reference_is_up_to_date(monkeypatch):
    path = ROOT / "scripts" / "generate_config_reference.py"
    spec = importlib.util.spec_from_file_location("generate_config_reference", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setenv("TFREGKIT_PLUGINS", "")
    forget()
    written = (ROOT / "docs" / "config-reference.md").read_text(encoding="utf-8")
    fresh = script.reference()
    forget()
    assert fresh == written, "run scripts/generate_config_reference.py"


def test_the_example_in_the_configuration_guide_is_valid(tmp_path):
    text = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    (tmp_path / "c.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)[1])
    experiment = load_experiment(tmp_path / "c.yaml")
    assert experiment.stages[0].objective.terms["smoothness"].weight == 0.01
    assert experiment.stages[0].data.dataset.parameters["images"] == str(tmp_path / "scans/*.nii.gz")


@pytest.mark.parametrize("hook", ["register_components", "register_commands", "training_callbacks"])
def test_every_hook_is_documented_as_it_is(hook):
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"### `{hook}({arguments})`" in GUIDE


def test_no_other_hook_exists():
    hooks = {name for name, value in vars(hookspecs).items() if inspect.isfunction(value)}
    assert hooks == {"register_components", "register_commands", "training_callbacks"}


def sample_files():
    return re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize(("path", "text"), sample_files(), ids=[path for path, _ in sample_files()])
def test_excerpts_of_the_guide_are_the_files_they_name(path, text):
    assert text in (ROOT / path).read_text(encoding="utf-8")


def test_the_guide_shows_files():
    assert len(sample_files()) >= 3


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
