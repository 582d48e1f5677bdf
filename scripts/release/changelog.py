#!/usr/bin/env python3
"""Cuts a release out of CHANGELOG.md.

    changelog.py notes 0.2.0        prints the section of a version, or of Unreleased if the version has no section yet
    changelog.py cut 0.2.0 DATE     renames Unreleased to the version, and begins an empty Unreleased above it
"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
HEADING = re.compile(r"^## \[([^\]]+)\].*$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """The text of each version, without its heading."""
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {heading[1]: text[heading.end() : end].strip() for heading, end in zip(headings, ends, strict=True)}


def notes(text: str, version: str) -> str:
    """What users notice in this version."""
    found = sections(text)
    said = found.get(version) or found.get("Unreleased", "")
    if not said:
        raise SystemExit(f"CHANGELOG.md says nothing of {version}: write what users notice under [Unreleased]")
    return said


def cut(text: str, version: str, date: str) -> str:
    """The changelog with a heading for this version."""
    found = sections(text)
    if version in found:
        raise SystemExit(f"CHANGELOG.md has a section {version} already")
    if not found.get("Unreleased"):
        raise SystemExit("CHANGELOG.md has nothing under [Unreleased]")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        raise SystemExit(f"a date is written as 2026-01-31: {date}")
    return re.sub(r"^## \[Unreleased\].*$", f"## [Unreleased]\n\n## [{version}] - {date}", text, count=1, flags=re.MULTILINE)


def main() -> None:
    """The command line."""
    match sys.argv[1:]:
        case ["notes", version]:
            print(notes(CHANGELOG.read_text(), version))
        case ["cut", version, date]:
            CHANGELOG.write_text(cut(CHANGELOG.read_text(), version, date))
        case _:
            raise SystemExit((__doc__ or "").strip())


if __name__ == "__main__":
    main()
