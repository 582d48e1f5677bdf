"""Runs every static check of the chart. Prints a line per check, the reason of a failure, and the totals.

A check is a function whose name begins with `check_`. Its docstring says what it proves. It raises an error if the chart is wrong, and takes `Tools`, the
programs of scripts/chart/tools.sh.
"""

import inspect
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import checks_documents  # noqa: E402
import checks_meaning  # noqa: E402
import checks_rendering  # noqa: E402
import checks_upgrades  # noqa: E402
from chart import Tools  # noqa: E402


def main():
    tools, wanted = Tools(pathlib.Path(sys.argv[1])), sys.argv[2:]
    passed = failed = 0
    for module in (checks_rendering, checks_meaning, checks_upgrades, checks_documents):
        for name, check in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("check_") or check.__module__ != module.__name__ or (wanted and not any(w in name for w in wanted)):
                continue
            what = inspect.getdoc(check).splitlines()[0]
            try:
                count = check(tools) or 1
            except Exception as error:  # noqa: BLE001: every error is a failed check
                failed += 1
                print(f"FAIL {what}", flush=True)
                print("     " + str(error).replace("\n", "\n     "), flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
            else:
                passed += count
                print(f"ok   {what}" + (f" ({count})" if count > 1 else ""), flush=True)
    print(f"chart: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
