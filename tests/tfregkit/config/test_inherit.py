"""Configurations on top of others; every value keeps the file it came from."""

import pytest

from tfregkit.config.inherit import load, merge
from tfregkit.config.source import parse
from tfregkit.errors import ConfigError


def over(base, text):
    return merge(parse(base, "base.yaml"), parse(text, "over.yaml")).plain()


def write(folder, **files):
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_mappings_merge_lists_and_values_replace():
    assert over("a: {b: 1, c: [1, 2]}\nd: 1", "a: {c: [3], e: 4}") == {"a": {"b": 1, "c": [3], "e": 4}, "d": 1}


def test_another_component_replaces_the_section():
    assert over("m: {name: ncc, window: 9}", "m: {name: mse}") == {"m": {"name": "mse"}}
    assert over("m: {name: ncc, window: 9}", "m: {name: ncc, form: root}")["m"] == {
        "name": "ncc",
        "window": 9,
        "form": "root",
    }
    assert over("m: {name: ncc, window: 9}", "m: {window: 5}") == {"m": {"name": "ncc", "window": 5}}
    assert over("m: {name: ncc, window: 9}", "m: mse") == {"m": "mse"}


def test_stages_merge_by_name():
    base = "stages:\n- {name: one, k: {a: 1}}\n- {name: two, k: {a: 2}}\n"
    assert over(base, "stages:\n- {name: two, k: {b: 3}}\n- {name: three}\n") == {
        "stages": [{"name": "one", "k": {"a": 1}}, {"name": "two", "k": {"a": 2, "b": 3}}, {"name": "three"}]
    }


def test_other_lists_of_sections_are_replaced():
    assert over("a: [{name: x, k: 1}]", "a: [{name: x}]") == {"a": [{"name": "x"}]}


def test_null_replaces():
    assert over("a: {b: 1}", "a: null") == {"a": None}


def test_values_of_a_base_keep_their_file_and_line(tmp_path):
    write(
        tmp_path,
        sub__low="x: 1\ny: {p: a, q: b}\n",
        middle="base: sub/low.yaml\nz: 3\n",
        top="base: middle.yaml\ny: {q: c}\n",
    )
    root = load(tmp_path / "top.yaml")
    assert root.plain() == {"x": 1, "y": {"p": "a", "q": "c"}, "z": 3}
    assert str(root.child("y").child("p").mark) == f"{tmp_path}/sub/low.yaml:2"
    assert root.child("y").child("p").mark.folder == (tmp_path / "sub").resolve()
    assert str(root.child("y").child("q").mark) == f"{tmp_path}/top.yaml:2"
    assert str(root.child("z").mark) == f"{tmp_path}/middle.yaml:2"


def test_a_missing_base_names_the_line_that_asks_for_it(tmp_path):
    write(tmp_path, top="a: 1\nbase: nowhere.yaml\n")
    with pytest.raises(ConfigError, match=r"top\.yaml:2: base: .*nowhere\.yaml: no such configuration file"):
        load(tmp_path / "top.yaml")


def test_a_base_that_is_no_name(tmp_path):
    write(tmp_path, top="base: [a, b]\n")
    with pytest.raises(ConfigError, match=r"top\.yaml:1: base: expected one file\. Received: \['a', 'b'\]"):
        load(tmp_path / "top.yaml")


def test_bases_that_go_round(tmp_path):
    write(tmp_path, a="base: b.yaml\n", b="base: a.yaml\n")
    with pytest.raises(ConfigError, match=r"b\.yaml:1: base: .*a\.yaml is based on this file"):
        load(tmp_path / "a.yaml")


def test_a_stage_is_removed_or_put_before_another():
    base = "stages:\n- {name: one}\n- {name: two}\n- {name: three}\n"
    assert over(base, "stages:\n- {name: one, remove: true}\n- {name: new, before: three, k: 1}\n") == {
        "stages": [{"name": "two"}, {"name": "new", "k": 1}, {"name": "three"}]
    }


@pytest.mark.parametrize("text", ["{name: four, remove: true}", "{name: four, before: five}"])
def test_directives_that_name_no_stage(text):
    with pytest.raises(ConfigError, match=r"over.yaml:2: (remove|before): the base has no stage `f\w+`. It has: one."):
        over("stages:\n- {name: one}\n", f"stages:\n- {text}\n")


def test_a_term_is_removed():
    base = "stages:\n- {name: one, objective: {terms: {a: {weight: 1}, b: {weight: 2}}}}\n"
    text = "stages:\n- {name: one, objective: {terms: {%s: {remove: %s}, c: {weight: 3}}}}\n"
    (stage,) = over(base, text % ("a", "true"))["stages"]
    assert stage["objective"] == {"terms": {"b": {"weight": 2}, "c": {"weight": 3}}}
    with pytest.raises(ConfigError, match=r"over.yaml:2: remove: the base has no term `d`. It has: a, b."):
        over(base, text % ("d", "true"))
