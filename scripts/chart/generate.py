"""Generates the plain manifests and the values reference from the chart.

    generate.py TOOLS TARGET     TARGET/kubernetes/*.yaml TARGET/kubernetes/HELM_VALUES_REFERENCE.md,
                                 and TARGET/helm/pganalytics/README.md
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import manifests  # noqa: E402
import values_reference  # noqa: E402
from chart import Tools  # noqa: E402

tools, target = Tools(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]) / "kubernetes"
target.mkdir(exist_ok=True)
for name, text in manifests.files(tools).items():
    (target / name).write_text(text)
(target / "HELM_VALUES_REFERENCE.md").write_text(values_reference.text())
readme = target.parent / "helm" / "pganalytics" / "README.md"
readme.parent.mkdir(parents=True, exist_ok=True)
readme.write_text(values_reference.readme())
