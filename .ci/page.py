"""The page of `bnfold report` in a real browser: it says nothing on the console, asks for nothing, and fits.

    page.py BNFOLD FOLDER [CHROMIUM]

writes pages and pictures of them (laptop and phone, light and dark) into FOLDER: of a fold, of a fold that is wrong, of branches
that become one. Every drawing has a name for those who hear it, and nothing has to be scrolled sideways but what says so. Needs
the package onnx, and ../shared beside the checkout. Without a browser that is said, and all is well.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

bnfold, folder = sys.argv[1], Path(sys.argv[2])
browser = sys.argv[3] if len(sys.argv) > 3 else shutil.which("chromium") or shutil.which("google-chrome")
if not browser:
    print("not checked: there is no Chromium here")
    sys.exit(0)
folder.mkdir(parents=True, exist_ok=True)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
# What stands in a box that can be scrolled by itself does not make the page wider.
LIVE = """<script>
document.querySelectorAll("details").forEach(one => one.open = true);
document.getElementById("filter")?.dispatchEvent(new Event("input"));
const root = document.documentElement, box = one => one.closest(".scroll, .drawing");
root.dataset.loaded = performance.getEntriesByType("resource").length;
root.dataset.wide = root.scrollWidth > innerWidth ? root.scrollWidth : 0;
root.dataset.cut = [...document.querySelectorAll("td")].filter(one => one.getBoundingClientRect().right > innerWidth).length;
root.dataset.unnamed = [...document.querySelectorAll("svg")].filter(one =>
    one.getAttribute("aria-hidden") !== "true" && !(one.getAttribute("role") && one.getAttribute("aria-label"))).length;
root.dataset.unreached = [...document.querySelectorAll("summary, input, a")].filter(one => one.tabIndex < 0).length;
</script></body>"""


def wrong() -> list[str]:
    """The fixture, and its fold with another bias."""
    import onnx
    before, after = "fixtures/ppocr_cls.onnx", folder / "wrong.onnx"
    subprocess.run([bnfold, "fold", before, "-o", str(after), "-q", "--no-verify"], check=True)
    model = onnx.load(after)
    bias = next(node.input[2] for node in model.graph.node if node.op_type == "Conv" and len(node.input) > 2)
    tensor = next(one for one in model.graph.initializer if one.name == bias)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[0] += 1
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, bias))
    onnx.save(model, after)
    return [before, str(after)]


pages = {"folded": (0, ["fixtures/ppocr_cls.onnx"]), "wrong": (1, wrong()), "branches": (0, ["../shared/patterns/repvgg_block.onnx"])}
for name, (status, models) in pages.items():
    page = folder / f"{name}.html"
    ended = subprocess.run([bnfold, "report", *models, "-o", str(page), "-q"], stderr=subprocess.PIPE)
    assert ended.returncode == status, (name, ended)
    live = folder / f"{name}-live.html"
    live.write_text(page.read_text().replace("</body>", LIVE))
    for width in (1280, 500):
        seen = subprocess.run([browser, *QUIET, f"--window-size={width},1000", "--enable-logging=stderr", "--dump-dom", live.as_uri()],
                              capture_output=True, text=True, timeout=120)
        said = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
        assert not said, said
        found = dict(re.findall(r'data-(\w+)="(\d+)"', seen.stdout[:2000]))
        fits = {"loaded": "0", "wide": "0", "cut": "0", "unnamed": "0", "unreached": "0"}
        assert {key: found.get(key) for key in fits} == fits, (name, width, found)
    for width, height in ((1280, 1000), (500, 1000)):
        for dark in (False, True):
            picture = folder / f"{name}-{width}-{'dark' if dark else 'light'}.png"
            how = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
            subprocess.run([browser, *QUIET, *how, f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()],
                           check=True, capture_output=True, timeout=120)
            assert picture.stat().st_size > 10_000, "the picture is empty"
print(f"{len(pages)} pages, nothing on the console, nothing asked for, nothing cut; pictures in {folder}")
