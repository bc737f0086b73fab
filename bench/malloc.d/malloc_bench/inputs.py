"""Inputs for real programs that are too large to keep: the same each time."""
import random


def write_sql(path, nrows):
    """A session: inserts, two indices, searches, groups, updates, a join, deletes."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 12)))
             for _ in range(500)]
    with open(path, "w", encoding="ascii") as out:
        out.write("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INTEGER, note TEXT);\n"
                  "BEGIN;\n")
        for i in range(nrows):
            note = " ".join(rng.choices(words, k=rng.randint(1, 8)))
            out.write(f"INSERT INTO t VALUES({i},'{rng.choice(words)}-{i % 997}',"
                      f"{rng.randrange(nrows)},'{note}');\n")
        out.write("COMMIT;\n"
                  "CREATE INDEX a ON t(name);\n"
                  "CREATE INDEX b ON t(n, id);\n"
                  f"SELECT count(*) FROM t WHERE note LIKE '%{words[0]}%';\n"
                  "SELECT length(group_concat(note)) FROM t GROUP BY n % 50;\n"
                  "SELECT name, count(*) c FROM t GROUP BY name ORDER BY c DESC LIMIT 3;\n"
                  "SELECT count(*) FROM t x JOIN t y ON x.n = y.id;\n"
                  "UPDATE t SET note = note || ' ' || name WHERE id % 3 = 0;\n"
                  "DELETE FROM t WHERE n % 5 = 0;\n"
                  "SELECT json_group_array(name) IS NULL FROM (SELECT name FROM t LIMIT 20000);\n")


def write_c(path, nfunctions):
    """A translation unit of long functions without a meaning."""
    rng = random.Random(2)
    with open(path, "w", encoding="ascii") as out:
        for f in range(nfunctions):
            out.write(f"unsigned f{f}(unsigned a, unsigned b, unsigned *p)\n{{\n")
            for i in range(18):
                x, y = rng.choice("ab"), rng.choice("ab")
                number, at = rng.randrange(1, 1000), rng.randrange(64)
                out.write(rng.choice([
                    f"\tif ({x} % {number} > p[{at}])\n\t\t{y} += {x} * p[{at}];\n",
                    f"\tfor (unsigned i{i} = 0; i{i} < {x} % 16; i{i}++)\n"
                    f"\t\tp[i{i}] ^= {y} >> (i{i} & 7);\n",
                    f"\tswitch ({x} & 3) {{\n\tcase 0: {y} -= {number}; break;\n"
                    f"\tcase 1: {y} *= {number}; break;\n\tcase 2: p[{at}] = {y}; break;\n"
                    f"\tdefault: {y} ^= p[{at}];\n\t}}\n",
                    f"\t{x} = ({y} << {at % 31}) | ({x} >> {31 - at % 31}) + {number};\n",
                ]))
            call = f" + f{f - 1}(b, a, p)" if f else ""
            out.write(f"\treturn a ^ b{call};\n}}\n\n")
