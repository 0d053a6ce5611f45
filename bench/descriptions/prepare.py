#!/usr/bin/env python3
"""Package descriptions of this Debian as pairs of texts: train.jsonl and test.jsonl in FOLDER.

    prepare.py FOLDER

One line for each package: {"short": ..., "long": ..., "section": ...}. A tenth of the source packages is for testing, by a
hash of their names, with all that is made from them. Texts that came before are left out. The descriptions are in the
lists of apt, where they were fetched: apt-get -o Acquire::Languages=en update.
"""

import glob
import hashlib
import json
import os
import subprocess
import sys

LISTS = "/var/lib/apt/lists/"


def paragraphs(pattern):
    """The paragraphs of all lists that match, each as {field: text}; further lines of a field keep their newlines."""
    for path in sorted(glob.glob(LISTS + pattern)):
        done = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], capture_output=True, check=True)
        for paragraph in done.stdout.decode("utf-8", "replace").split("\n\n"):
            fields, name = {}, None
            for line in paragraph.split("\n"):
                if line.startswith(" ") and name:
                    fields[name] += "\n" + line[1:]
                elif ":" in line:
                    name, text = line.split(":", 1)
                    fields[name] = text.strip()
            if fields:
                yield fields


def read_pairs():
    """(source package, record) of every package that has both texts."""
    packages = {}
    for p in paragraphs("*_Packages*"):
        packages[p["Package"]] = (p.get("Source", p["Package"]).split()[0], p.get("Section", "").split("/")[-1])
    for p in paragraphs("*_Translation-en*"):
        if p.get("Package") not in packages or "Description-en" not in p:
            continue
        source, section = packages[p["Package"]]
        short, *lines = p["Description-en"].split("\n")
        long = " ".join(line.strip() for line in lines if line.strip() not in ("", "."))
        if long:
            yield source, dict(short=short, long=long, section=section)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    seen, records = set(), dict(train=[], test=[])
    for source, record in read_pairs():
        if record["short"] in seen or record["long"] in seen:
            continue
        seen.update((record["short"], record["long"]))
        part = "test" if int(hashlib.md5(source.encode()).hexdigest(), 16) % 10 == 0 else "train"
        records[part].append(record)
    if not records["test"]:
        sys.exit("no descriptions in the lists of apt: apt-get -o Acquire::Languages=en update fetches them")
    for part, lines in records.items():
        with open(os.path.join(sys.argv[1], part + ".jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        print(f"{part}: {len(lines)} packages")


if __name__ == "__main__":
    main()
