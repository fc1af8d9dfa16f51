"""Scans by file name patterns: `brain/s{subject}_T1.nii.gz`."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from tfregkit.api import DataError, Subject, absolute, unique_names

FIELD = re.compile(r"\{(\w*)\}")
WILD = re.compile(r"\*\*/|\*|\?")
FIELDS = ("subject", "session", "modality")


def scans_by_pattern(images: str, extras: dict[str, str | None], modalities: list[str]) -> list[Subject]:
    """The scans whose files match.

    `{subject}`, `{session}` and `{modality}` match a part of a file or folder name; `*`, `?` and `**/` work as in a
    shell. Without `{subject}` the person's name is what the wildcards matched, joined by `_` (without wildcards: the
    file's stem).

    Args:
        images: The pattern of the images.
        extras: Patterns by `labels`, `mask`, `points`; the same fields are filled in, and then it must match one file.
            A `*` is filled with what the images' `*` matched if both patterns have the same wildcards.
        modalities: What `{modality}` may be.

    Raises:
        DataError: If nothing matches, a field is unknown, or a label map, mask or point list is missing.
    """
    for pattern in (images, *filter(None, extras.values())):
        for name in FIELD.findall(pattern):
            if name not in FIELDS:
                raise DataError(
                    f"{pattern}: unknown field `{{{name}}}`. Fields: {', '.join(f'{{{f}}}' for f in FIELDS)}."
                )
    if "{modality}" in images and not modalities:
        raise DataError(f"{images}: `{{modality}}` needs `moving_modality` and `fixed_modality`.")
    found = _matches(images, modalities)
    names = _names(found)
    scans, missing = [], []
    for path, (fields, wild) in found.items():
        files = {kind: _partner(images, pattern, fields, wild, missing) for kind, pattern in extras.items() if pattern}
        modality = fields.get("modality", "")
        scans.append(
            Subject(id=names[path], image=path, subject=_person(path, fields, wild), modality=modality, **files)
        )
    if missing:
        more = f" ... and {len(missing) - 5} more." if len(missing) > 5 else ""
        raise DataError(
            f"{len(missing)} of {len(scans)} scans lack a partner: {'; '.join(missing[:5])}.{more} "
            "Where only some scans have one, list them in a table (`table: scans.csv`), whose cells may be empty."
        )
    return scans


def _matches(pattern: str, modalities: list[str]) -> dict[Path, tuple[dict[str, str], list[str]]]:
    """The matching files, sorted, each with what its fields and wildcards are."""
    expression, found = _expression(pattern), {}
    for modality in modalities or [""]:
        shell = FIELD.sub(lambda m, said=modality: said if m[1] == "modality" else "*", pattern)
        for name in glob.glob(shell, recursive=True):
            match = expression.fullmatch(Path(name).as_posix())
            fields = {k: v for k, v in match.groupdict().items() if k in FIELDS} if match else {}
            if match and fields.get("modality", modality) == modality and Path(name).is_file():
                wild = [text for key, text in match.groupdict().items() if key.startswith("wild")]
                found[Path(name)] = (fields, wild)
    if not found:
        raise DataError(f"{pattern}: no file matches. Patterns are relative to the configuration's folder.")
    return dict(sorted(found.items()))


def _expression(pattern: str) -> re.Pattern[str]:
    parts, seen, at = [], set(), 0
    tokens = re.compile(f"{FIELD.pattern}|{WILD.pattern}")
    for number, token in enumerate(tokens.finditer(pattern)):
        parts.append(re.escape(pattern[at : token.start()]))
        at = token.end()
        if token[1] is not None:
            parts.append(f"(?P={token[1]})" if token[1] in seen else f"(?P<{token[1]}>[^/]+?)")
            seen.add(token[1])
        else:
            body = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}[token[0]]
            parts.append(f"(?P<wild{number}>{body})")
    return re.compile("".join([*parts, re.escape(pattern[at:])]))


def _person(path: Path, fields: dict[str, str], wild: list[str]) -> str:
    return (
        fields.get("subject")
        or "_".join(text.strip("/") for text in wild if text)
        or next(iter(unique_names([path]).values()))
    )


def _names(found: dict[Path, tuple[dict[str, str], list[str]]]) -> dict[Path, str]:
    """The fields joined where that tells the scans apart; else names made of the paths."""
    names = {}
    for path, (fields, wild) in found.items():
        names[path] = "_".join([_person(path, fields, wild), *(fields[f] for f in FIELDS[1:] if f in fields)])
    return names if len(set(names.values())) == len(names) else unique_names(found)


def _partner(images: str, pattern: str, fields: dict[str, str], wild: list[str], missing: list[str]) -> Path | None:
    """The one file that belongs to the scan."""
    filled = FIELD.sub(lambda m: glob.escape(fields[m[1]]) if m[1] in fields else "*", pattern)
    if WILD.findall(images) == WILD.findall(pattern):
        texts = iter(wild)
        filled = WILD.sub(lambda m: glob.escape(next(texts)), filled)
    files = [Path(name) for name in glob.glob(filled, recursive=True)]
    if len(files) > 1:
        raise DataError(
            f"{filled}: matches {len(files)} files, expected one: {', '.join(map(str, sorted(files)[:3]))}."
        )
    if not files:
        missing.append(f"no {filled}")
        return None
    return absolute(files[0])
