"""YAML with lines: the values of YAML 1.2, nothing silent, nothing executed."""

import pytest
import yaml

from tfregkit.config.source import Mark, Node, dump, parse, parse_value, read
from tfregkit.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        ("-2.5e+2", -250.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("12", 12),
        ("010", "010"),
        ("08", "08"),
        ("-0", 0),
        ("0x1f", 31),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ("[1, [a, 2.0]]", [1, ["a", 2.0]]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = parse_value(text, "c.yaml").plain()
    assert found == value
    assert type(found) is type(value)


def test_what_is_dumped_is_read_back():
    """Names of subjects are text whatever they look like: resolved.yaml must mean the same as the file it came from."""
    words = [
        "08",
        "05",
        "1e5",
        "12e4",
        "1e-5",
        "on",
        "yes",
        "2020-01-01",
        "null",
        "~",
        "",
        "0x1f",
        "1:30",
        "true",
        "<<",
    ]
    data = {
        "words": [*words, "-", "a: b", ".5", "+7", ".nan"],
        "numbers": [1, 0, -3, 1e-5, 1e20, 1e5],
        "08": [True, None],
    }
    for again in (parse(dump(data), "c.yaml").plain(), yaml.safe_load(dump(data))):
        assert again == data
        assert [type(number) for number in again["numbers"]] == [int, int, int, float, float, float]


def test_every_value_knows_its_line():
    root = parse("a: 1\nb:\n  c: [x,\n    y]\n  on: velocity\n", "c.yaml")
    assert root.plain() == {"a": 1, "b": {"c": ["x", "y"], "on": "velocity"}}
    assert str(root.child("b").child("c").child(1).mark) == "c.yaml:4"
    assert str(root.child("b").child("on").mark) == "c.yaml:5"


def test_all_keys_given_twice_are_told():
    with pytest.raises(ConfigError) as error:
        parse("a: 1\nb: {k: 1}\na: 2\nc:\n  d: 1\n  d: 2\n", "c.yaml")
    assert (
        str(error.value)
        == "c.yaml:3: `a` is given twice (first on line 1).\nc.yaml:6: `d` is given twice (first on line 5)."
    )


def test_anchors_and_merge_keys():
    root = parse("a: &x {k: 1, m: 2}\nb:\n  <<: *x\n  k: 3\nc: {<<: [{k: 5}, *x]}\n", "c.yaml").plain()
    assert root == {"a": {"k": 1, "m": 2}, "b": {"k": 3, "m": 2}, "c": {"k": 5, "m": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", r"c\.yaml:2: not valid YAML: expected ',' or '\]'"),
        ("a: {b: c/{subject}.nii, d: 1}\n", r"c\.yaml:1: .* needs quotes: \"c/{subject}.nii\"\.$"),
        ("a: {subject}.nii\n", r"c\.yaml:1: .* needs quotes: \"{subject}.nii\"\.$"),
        ("a: ['{subject}.nii'}\n", r"but got '}'\.$"),
        ("a: b: c\n", r"c\.yaml:1: not valid YAML: mapping values are not allowed"),
        ("\ta: 1\n", r"c\.yaml:1: not valid YAML: .*'\\t'"),
        ("- 1\n", r"c\.yaml:1: expected `key: value` lines\. Received: list"),
        ("word\n", r"c\.yaml:1: expected `key: value` lines\. Received: str"),
        ("a: &a [*a]\n", r"c\.yaml:1: a value contains itself"),
        ("x: 1\n? [1]\n: 2\n", r"c\.yaml:2: a key must be a word or a number"),
        ("x: 1\na: !!python/object/apply:os.getcwd []\n", r"c\.yaml:2: not valid YAML: .*python/object"),
        ("a: *nobody\n", r"c\.yaml:1: not valid YAML: found undefined alias"),
        ("a: {<<: 3}\n", r"c\.yaml:1: `<<` takes a mapping"),
        ("a: 1\n---\nb: 2\n", r"c\.yaml:2: not valid YAML: but found another document"),
    ],
)
def test_bad_yaml_is_told_with_its_line(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text, "c.yaml")


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("# nothing yet\n")
    assert read(path).plain() == {}


def test_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot read the configuration: No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes\.yaml: cannot read the configuration: it is not UTF-8"):
        read(tmp_path / "bytes.yaml")


def test_paths_start_at_the_folder_of_their_file(tmp_path):
    (tmp_path / "c.yaml").write_text("a: {b: x}\n")
    assert read(tmp_path / "c.yaml").child("a").child("b").mark.folder == tmp_path.resolve()


def test_children_of_lists_go_by_index_or_name():
    node = Node.of([{"name": "first", "k": 1}, "second", {"k": 3}], Mark("x"))
    assert node.child(0) is node.child("0") is node.child("first")
    assert node.child("second").value == "second"
    assert node.child("2").child("k").value == 3
    assert node.child("third") is None
    assert Node(5).child("k") is None
