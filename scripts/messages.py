#!/usr/bin/env python3
"""Writes crates/collector/src/read/redact/message/catalog.txt: the messages of PostgreSQL 14 to 18 with printf's placeholders.

They come from the programs that `npm ci` installs in e2e, by `strings` (binutils). There a message that is the end of a longer one is missing, so
the keys of the translations of an installed PostgreSQL (Debian: postgresql-15) are added. Run it after a new version was added to
e2e/package.json.
"""

import gettext
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
CATALOG = ROOT / "crates/collector/src/read/redact/message/catalog.txt"
TRANSLATIONS = pathlib.Path("/usr/share/locale")
VERSIONS = (14, 15, 16, 17, 18)
HEADER = """\
# The messages of PostgreSQL 14 to 18 and of its own extensions; scripts/messages.py writes this file.
# PostgreSQL Database Management System. Portions Copyright (c) 1996-2026, PostgreSQL Global Development Group.
# Portions Copyright (c) 1994, The Regents of the University of California. PostgreSQL License, see https://www.postgresql.org/about/licence/.
"""
PLACEHOLDER = re.compile(r"%(?:%|[-+0 #]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z])")
# A message begins with a small letter, a placeholder, or a keyword in capitals. Details and hints begin with a capital and end with a full stop.
BEGINS = re.compile(r"""[a-z"%]|[A-Z]{2,}[ /"-]""")
ENDS = (".", ",", " ", "\\", "(", "=", ":")
STATEMENTS = ("SELECT ", "CREATE TABLE ", "DELETE FROM ", "UPDATE ", "INSERT INTO ", "COPY (", "FETCH ", "START TRANSACTION")


def is_message(text: str) -> bool:
    """Whether the text looks like the primary message of an entry."""
    if not BEGINS.match(text) or text.endswith(ENDS) or text.startswith(STATEMENTS):
        return False
    if any(not char.isprintable() for char in text) or re.search(r"[{}]|\$[a-zA-Z_]", text):
        return False
    words = re.findall(r"[A-Za-z]{2,}", PLACEHOLDER.sub(" ", text))
    # Fewer words would fit texts that are no message of PostgreSQL.
    if len(words) < 2 or sum(map(len, words)) < 10 or not any(word.islower() for word in words):
        return False
    # A text that begins with a name needs more of its own words.
    if re.match(r"%[-0-9.*]*[scd]", text) and len(words) < 3:
        return False
    return " " in text


def main() -> None:
    found: set[str] = set()
    for version in VERSIONS:
        folder = ROOT / f"e2e/node_modules/pg{version}/native"
        programs = [folder / "bin/postgres", *sorted((folder / "lib/postgresql").glob("*.so"))]
        for program in programs:
            listed = subprocess.run(["strings", "-n", "10", program], capture_output=True, text=True, check=True)
            found.update(filter(is_message, listed.stdout.splitlines()))
    translations = [*TRANSLATIONS.glob("*/LC_MESSAGES/postgres-1*.mo"), *TRANSLATIONS.glob("*/LC_MESSAGES/plpgsql-1*.mo")]
    if not translations:
        raise SystemExit(f"no translations of PostgreSQL in {TRANSLATIONS}: install a PostgreSQL with them (apt install postgresql)")
    for translation in translations:
        with translation.open("rb") as file:
            keys = gettext.GNUTranslations(file)._catalog  # noqa: SLF001, the only way to the keys
        found.update(filter(is_message, (key[0] if isinstance(key, tuple) else key for key in keys)))
    CATALOG.write_text(HEADER + "".join(f"{message}\n" for message in sorted(found)))
    print(f"{CATALOG.relative_to(ROOT)}: {len(found)} messages")


if __name__ == "__main__":
    main()
