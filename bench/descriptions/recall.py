#!/usr/bin/env python3
"""How often the long description is found from the short one: recall at 1 and at 10 among all of a file.

    recall.py FILE                      by BM25 (FTS5 of SQLite)
    recall.py FILE SHORT.npy LONG.npy   by the cosine of embeddings, as they are and with standardised columns
"""

import json
import re
import sqlite3
import sys

AT = (1, 10)


def print_recall(name, ranks):
    print(f"{name:<28}" + "".join(f"  recall@{k} {100 * sum(r <= k for r in ranks) / len(ranks):5.1f}" for k in AT))


def bm25_ranks(records):
    """Rank of the right text, or more than any asked for where it is not among the first."""
    base = sqlite3.connect(":memory:")
    base.execute("create virtual table long using fts5(text, tokenize = 'porter unicode61')")
    base.executemany("insert into long(rowid, text) values (?, ?)", enumerate(r["long"] for r in records))
    for i, record in enumerate(records):
        words = re.findall(r"\w+", record["short"])
        query = " OR ".join(f'"{w}"' for w in words)
        found = base.execute("select rowid from long where long match ? order by rank limit ?", (query, AT[-1])) if words else ()
        yield next((k for k, (row,) in enumerate(found, 1) if row == i), AT[-1] + 1)


def cosine_ranks(short, long):
    import numpy as np

    short, long = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (short, long))
    for first in range(0, len(short), 512):
        cosines = short[first : first + 512] @ long.T
        right = cosines[np.arange(len(cosines)), first + np.arange(len(cosines))]
        yield from 1 + (cosines > right[:, None]).sum(1)


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        with open(sys.argv[1], encoding="utf-8") as file:
            print_recall("BM25", list(bm25_ranks([json.loads(line) for line in file])))
        return
    import numpy as np

    short, long = np.load(sys.argv[2]), np.load(sys.argv[3])
    print_recall("cosine", list(cosine_ranks(short, long)))
    short, long = ((x - x.mean(0)) / x.std(0) for x in (short, long))
    print_recall("cosine, standardised columns", list(cosine_ranks(short, long)))


if __name__ == "__main__":
    main()
