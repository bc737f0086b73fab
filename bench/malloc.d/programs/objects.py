"""Dictionaries, lists, strings, sorting, JSON: objects.py SCALE"""
import json
import sys


class Node:
    def __init__(self, name, children):
        self.name, self.children = name, children


def tree(depth, width):
    return Node(f"node {depth}", [tree(depth - 1, width) for _ in range(width)] if depth else [])


def count(node):
    return 1 + sum(count(child) for child in node.children)


def main():
    total = 0
    for turn in range(int(sys.argv[1])):
        table = {f"key {i * 7919 % 30011}": [i, str(i), (i, i + 1)] for i in range(20000)}
        names = sorted(table, key=lambda k: (table[k][0] % 101, k))
        text = json.dumps({name: table[name] for name in names[:8000]})
        total += len(json.loads(text)) + count(tree(7, 3))
        words = " ".join(names).split()
        seen = {}
        for word in words:
            seen.setdefault(word, []).append(turn)
        total += len(seen) + len("".join(reversed(words)))
        total += len({frozenset((i % 50, i % 70)) for i in range(20000)})
    print(total)


main()
