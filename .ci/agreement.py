#!/usr/bin/env python3
"""Holds the independent checker of certificates against `bnfold verify --recheck`, over models that bnfold folds.

    agreement.py BNFOLD FOLDER MODEL...

Every model is folded with a certificate. Both must accept it, or the checker must say that it does not know a form; and where
the certificate is changed, or a weight of the result, neither may accept. Exit status 1 if they disagree anywhere.
"""
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "check_certificate.py")
WORDS = {0: "holds", 1: "does not hold", 3: "not checked"}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True)


def disagreement(bnfold, folder, number, model):
    """What is wrong about one model, and what the checker said."""
    stem = os.path.join(folder, f"{number}-{os.path.splitext(os.path.basename(model))[0]}")
    after, certificate = stem + ".onnx", stem + ".json"
    for path in (after, certificate):
        if os.path.exists(path):
            os.remove(path)
    run(bnfold, "fold", model, "-o", after, "--quick", "--certificate", certificate)
    if not os.path.exists(certificate):
        return None, "not folded"
    recheck = run(bnfold, "verify", "--recheck", certificate).returncode
    checked = run(sys.executable, CHECKER, certificate)
    word = WORDS.get(checked.returncode, f"ended with {checked.returncode}: {checked.stderr.strip()[-200:]}")
    if recheck != 0 or checked.returncode not in (0, 3):
        return f"--recheck ends with {recheck}; the checker: {word}: {checked.stdout.strip()}", word
    stated = json.load(open(certificate))
    stated["after"]["model"]["sha256"] = "0" * 64
    json.dump(stated, open(certificate, "w"))
    if run(bnfold, "verify", "--recheck", certificate).returncode != 1 or run(sys.executable, CHECKER, certificate).returncode != 1:
        return "another file is accepted", word
    return None, word


def main(bnfold, folder, *models):
    os.makedirs(folder, exist_ok=True)
    wrong, words = 0, {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda job: disagreement(bnfold, folder, *job), enumerate(models)))
    for model, (what, word) in zip(models, found):
        words[word] = words.get(word, 0) + 1
        if what:
            wrong += 1
            print(f"{model}: {what}")
    print(f"{len(models)} models: " + ", ".join(f"{count} {word}" for word, count in sorted(words.items())) + f"; {wrong} disagree")
    return wrong > 0 or not words.get("holds")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
