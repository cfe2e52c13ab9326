"""The page of `bnfold report` in a real browser: it says nothing on the console and asks for nothing.

    page.py BNFOLD FOLDER [CHROMIUM]

writes pages and pictures of them (laptop and phone, light and dark) into FOLDER. Without a browser that is said, and all is well.
"""

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
LIVE = """<script>
document.querySelectorAll("details").forEach(one => one.open = true);
document.getElementById("filter")?.dispatchEvent(new Event("input"));
document.documentElement.dataset.loaded = performance.getEntriesByType("resource").length;
</script></body>"""

pages = {"folded": ["fixtures/ppocr_cls.onnx"]}
for name, models in pages.items():
    page = folder / f"{name}.html"
    subprocess.run([bnfold, "report", *models, "-o", str(page), "-q"], check=True)
    live = folder / f"{name}-live.html"
    live.write_text(page.read_text().replace("</body>", LIVE))
    seen = subprocess.run([browser, *QUIET, "--enable-logging=stderr", "--dump-dom", live.as_uri()], capture_output=True, text=True, timeout=120)
    said = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    assert not said, said
    assert 'data-loaded="0"' in seen.stdout, "something was asked for, or the script did not run"
    for width, height in ((1280, 1000), (500, 1000)):
        for dark in (False, True):
            picture = folder / f"{name}-{width}-{'dark' if dark else 'light'}.png"
            how = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
            subprocess.run([browser, *QUIET, *how, f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()],
                           check=True, capture_output=True, timeout=120)
            assert picture.stat().st_size > 10_000, "the picture is empty"
print(f"{len(pages)} page, nothing on the console, nothing asked for; pictures in {folder}")
