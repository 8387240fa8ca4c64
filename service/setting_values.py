"""Read settings from the environment and a file, refused where they are not understood."""

from __future__ import annotations

import math
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

_PREFIX = "CONDENSERY_"
_CONFIG = "CONDENSERY_CONFIG"
# Names with our prefix that are not for the server: the file itself, the data of the tests, and
# what the LangChain integration of the client reads.
_OTHERS = frozenset([_CONFIG, "CONDENSERY_DATA", "CONDENSERY_TOKEN"])
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True}
_BOOLEANS |= {"0": False, "false": False, "no": False, "off": False}
_ABSENT = frozenset(["", "none"])


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a number, both included."""

    low: float
    high: float = math.inf


def given(kind: type, environ: Mapping[str, str]) -> dict[str, Any]:
    """Values for the fields of a dataclass, from ``CONDENSERY_*`` and from a file.

    The file is TOML and named by ``CONDENSERY_CONFIG``, if it is; the environment wins. Raises
    ``ValueError`` naming whatever is unknown or wrong.
    """
    kinds = _kinds(kind)
    values: dict[str, Any] = {}
    if path := environ.get(_CONFIG):
        values |= _from_file(Path(path), kinds)
    return values | _from_environment(environ, kinds)


def check_bounds(settings: Any) -> None:  # noqa: ANN401 - any dataclass
    """Raise ``ValueError`` for the first number that its field does not allow."""
    for name, kind in _kinds(type(settings)).items():
        _check_bounds(name, kind, getattr(settings, name))


def _from_file(path: Path, kinds: Mapping[str, Any]) -> dict[str, Any]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{_CONFIG}: cannot read {path}: {error}") from error
    for name in read:
        if name not in kinds:
            raise ValueError(f"{path}: unknown setting {name!r}")
    return {name: _converted(name, kinds[name], value) for name, value in read.items()}


def _from_environment(environ: Mapping[str, str], kinds: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or variable in _OTHERS:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if name not in kinds or variable != variable.upper():
            raise ValueError(f"unknown setting {variable}")
        values[name] = _converted(variable, kinds[name], text)
    return values


def _kinds(settings: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    hints = get_type_hints(settings, include_extras=True)
    return {each.name: hints[each.name] for each in fields(settings)}


def _converted(name: str, kind: Any, value: object) -> Any:  # noqa: ANN401 - any field's type
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(kind) is types.UnionType or type(None) in get_args(kind):
        if isinstance(value, str) and value.strip().lower() in _ABSENT:
            return None
        return _converted(name, get_args(kind)[0], value)
    if get_origin(kind) is Literal:
        return _choice(name, get_args(kind), value)
    if get_origin(kind) is Mapping:
        return _pairs(name, value)
    try:
        return _PARSERS[kind](value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: not {_WORDS[kind]}: {value!r}") from error


def _choice(name: str, choices: tuple[str, ...], value: object) -> str:
    for choice in choices:
        if str(value).lower() == choice.lower():
            return choice
    raise ValueError(f"{name}: must be one of {', '.join(choices)}; is {value!r}")


def _pairs(name: str, value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = [(str(key), str(item)) for key, item in value.items()]
    else:
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        pairs = [(key.strip(), item.strip()) for key, _, item in (p.partition("=") for p in parts)]
    if any(not key or not item for key, item in pairs) or len(dict(pairs)) < len(pairs):
        raise ValueError(f"{name}: must be name=value,… with different names; is {value!r}")
    return dict(pairs)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return float(value)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in _BOOLEANS:
        raise ValueError(value)
    return _BOOLEANS[str(value).lower()]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value.strip()


_PARSERS: Mapping[Any, Any] = {
    int: _integer,
    float: _number,
    bool: _boolean,
    str: _text,
    Path: lambda value: Path(_text(value)),
}
_WORDS = {int: "an integer", float: "a number", bool: "a boolean", str: "a text", Path: "a path"}


def _check_bounds(name: str, kind: Any, value: object) -> None:  # noqa: ANN401 - any field's type
    options = get_args(kind) if get_origin(kind) is not Annotated else (kind,)
    for option in options:
        if get_origin(option) is Annotated and isinstance(value, int | float):
            bounds = option.__metadata__[0]
            # Written so that NaN, which compares false, is refused too.
            if not bounds.low <= value <= bounds.high:
                raise ValueError(f"{name}: must be in [{bounds.low}, {bounds.high}], is {value}")
