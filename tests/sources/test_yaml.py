from __future__ import annotations

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.nodes import Map, Seq, plain
from secmon.sources.yaml import DEPTH_LIMIT, FAULT_LIMIT, NODE_LIMIT, SIZE_LIMIT, has_libyaml, read, resolve

LOADERS = [pytest.param(True, id="python")]
if has_libyaml():
    LOADERS.append(pytest.param(False, id="libyaml"))


@pytest.fixture(params=LOADERS)
def load(request):
    """Read text with one of PyYAML's parsers; both must say the same."""
    return lambda text: read(text.encode("utf-8", "surrogatepass"), "f.yml", pure=request.param)


def value(document):
    assert not document.faults, [str(fault) for fault in document.faults]
    return plain(document.value)


def only_fault(document):
    assert len(document.faults) == 1, [str(fault) for fault in document.faults]
    return document.faults[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("False", False),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("022", "022"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-1.25E-2", -0.0125),
        ("00.5", "00.5"),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-23", "2026-11-23"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("=", "="),
        ("999999999999999999", 999999999999999999),
        ("1" * 19, "1" * 19),
        ("1" * 5000, "1" * 5000),
        ("'true'", "true"),
        ('"7"', "7"),
        ("::/0", "::/0"),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2_less_the_traps(load, written, meant):
    got = value(load(f"key: {written}\n"))["key"] if written != "-" else value(load("key: '-'"))["key"]
    assert got == meant
    assert type(got) is type(meant)


def test_every_value_knows_its_place(load):
    document = load('rules:\n  - id: "tiếng Việt"\n    ports: [22, {x: y}]\n')
    top = document.value
    assert isinstance(top, Map)
    assert (top.mark, top.key_marks, top.value_marks) == ((1, 1), {"rules": (1, 1)}, {"rules": (2, 3)})
    rule = top["rules"][0]
    assert rule.key_marks == {"id": (2, 5), "ports": (3, 5)}
    assert rule.value_marks == {"id": (2, 9), "ports": (3, 12)}
    assert isinstance(rule["ports"], Seq)
    assert rule["ports"].item_marks == [(3, 13), (3, 17)]


def test_columns_count_characters_not_bytes(load):
    assert load('{"độ": x}').value.value_marks == {"độ": (1, 8)}


def test_a_byte_order_mark_is_told_and_the_rest_read():
    document = read(b"\xef\xbb\xbfa: 1\na: 2", "f")
    assert document.value == {"a": 1}
    assert [str(fault) for fault in document.faults] == [
        "f:1:1: the file begins with a byte order mark; save it as UTF-8 without one",
        "f:2:1: the key a stands twice; it stands at 1:1 already; remove one",
    ]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "---\n..."])
def test_nothing_is_null(load, text):
    assert value(load(text)) is None


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "a stands twice; it stands at 1:1 already"),
        ("a: {b: 1, 'b': 2}", "1:11", "b stands twice"),
        ("a: &x 1", "1:4", "&x is an anchor"),
        ("a: *x", "1:4", "*x is an alias"),
        ("a: !!str 1", "1:4", "a tag is not read"),
        ("a: !x {}", "1:4", "a tag is not read"),
        ("a: ! b", "1:4", "a tag is not read"),
        ("<<: {a: 1}", "1:1", "<< is a merge key"),
        ("1: a", "1:1", "a key must be text, not 1; quote it"),
        ("0: a", "1:1", "not 0"),
        ("true: a", "1:1", "not true"),
        ("null: a", "1:1", "not null"),
        ("? [a]\n: b", "1:3", "a key must be text"),
        ("a: 1\n--- \nb: 2", "2:1", "a second document"),
        ("a:\n\tb: 1", "2:1", "a tab (1 in the file); use spaces"),
        ("a: b\tc", "1:5", "a tab"),
        ("\ta: b", "1:1", "a tab"),
        ("%YAML 1.2\n---\na: 1", "1:1", "a directive"),
        ("a: \x07", "1:4", "U+0007"),
        ("a: b\u2028c", "1:5", "U+2028"),
        ("a: b\u0085c", "1:5", "U+0085"),
        ("a: [", "", "not YAML"),
        ("a: {b: 1,\n", "", "close the bracket that is opened above"),
        ("a: [1, 2\n", "", "close the bracket that is opened above"),
        ("a: [1, 2}", "1:9", "not YAML"),
        ("a:\n  - b\n c: d", "3:2", "mend the indentation, or close a quote above"),
        ('a: "C:\\q"', "", 'write "\\\\" for a backslash'),
        ("a: 'b\nc", "1:4", "' is opened here and not closed"),
        ('x: "', "1:4", '" is opened here and not closed'),
        ("use: *\n", "1:6", 'quote a text that begins with "*"'),
        ("host: @x", "1:7", 'quote a text that begins with "@"'),
        ("host: `x", "1:7", 'quote a text that begins with "`"'),
        ("host: %x", "1:7", 'quote a text that begins with "%"'),
        ("address: ::\nport: 1", "", 'quote the text that holds "::"'),
        ("address: [::1]:443", "", 'quote the text that holds "::"'),
        ("glob: [a]b", "", 'quote the text that begins with "["'),
        ("say: a: b", "1:7", 'quote a text that holds ": ", or mend the indentation'),
        ("tiếng: Việt\nuse: *", "2:6", 'quote a text that begins with "*"'),
    ],
)
def test_a_fault_has_its_place_and_says_what_would_be_right(load, text, place, words):
    got = str(only_fault(load(text)))
    assert got.startswith(f"f.yml:{place}: " if place else "f.yml:")  # the parsers notice some elsewhere
    assert words in got


def test_structural_faults_do_not_hide_each_other(load):
    document = load("a: 1\na: 2\nb: &x 1\nc: [{d: 1, d: 2}]\n")
    assert [str(fault.place) for fault in document.faults] == ["f.yml:2:1", "f.yml:3:4", "f.yml:4:12"]
    assert [fault.key for fault in document.faults] == ["", "b", "c[0]"]
    assert document.readable, "the rest can be validated"
    assert plain(document.value) == {"a": 1, "b": 1, "c": [{"d": 1}]}


def test_half_a_surrogate_pair_is_refused(load):
    assert load(r'a: "\ud800"').faults
    assert value(load(r'a: "\u00e9"')) == {"a": "é"}


def test_bytes_that_are_no_utf_8_have_a_place():
    fault = only_fault(read("a: é\nb: ".encode() + b"\xff\n", "f.yml"))
    assert str(fault) == "f.yml:2:4: byte 0xff is not UTF-8; save the file as UTF-8"


def test_utf_16_is_refused():
    assert "not UTF-8" in str(only_fault(read("a: 1".encode("utf-16"), "f.yml")))


def test_a_file_past_the_limit_is_not_read():
    document = read(b"#" * (SIZE_LIMIT + 1), "f.yml")
    assert not document.readable
    assert "split it" in str(only_fault(document))
    assert read(b"#" * SIZE_LIMIT, "f.yml").readable


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_depth_ends_at_the_limit(load, opening, closing):
    assert load(opening * DEPTH_LIMIT + closing * DEPTH_LIMIT).readable
    document = load(opening * (DEPTH_LIMIT + 1) + closing * (DEPTH_LIMIT + 1))
    assert not document.readable
    assert f"more than {DEPTH_LIMIT} levels" in str(document.faults[-1])


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "{" * 1_000_000, "- " * 100_000, '{"a":' * 100_000, "? " * 100_000]
)
def test_nothing_crashes_the_reader(text):
    assert not read(text.encode(), "f").readable


def test_more_values_than_the_limit_are_refused():
    document = read(b"- a\n" * (NODE_LIMIT + 1), "f")
    assert not document.readable
    assert str(NODE_LIMIT) in str(document.faults[-1])


def test_an_alias_bomb_is_refused_at_its_first_alias(load):
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(9))
    assert "is an anchor" in str(load(bomb).faults[0])


def test_faults_of_one_file_end(load):
    document = load("a: 1\n" * 1000)
    assert len(document.faults) == FAULT_LIMIT + 1
    assert not document.readable


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_fault(data):
    document = read(data, "f")
    assert document.readable or document.faults


PIECES = (
    *(
        "a",
        "b: ",
        "- ",
        ": ",
        ":",
        "\n",
        "\n  ",
        "  ",
        " ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|",
        "|\n  ",
        ">-\n ",
    ),
    *(
        "#c",
        " #c",
        "&a ",
        "*a",
        "!t ",
        "%",
        "@",
        "...",
        "\n---\n",
        "1",
        "~",
        "é",
        "😀",
        "\\u0041",
        "\\UFFFFFFFF",
        "\r",
    ),
    *("\r\n", "-", "=", "22:30", "no", "key: v\n", "- x\n", "  k: v\n", "\ufeff", "\x00"),
)
TOKENS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def marks(node):
    if isinstance(node, Map):
        return node.mark, node.key_marks, node.value_marks, [marks(item) for item in node.values()]
    return (node.mark, node.item_marks, [marks(item) for item in node]) if isinstance(node, Seq) else None


@pytest.mark.skipif(not has_libyaml(), reason="needs PyYAML with libyaml")
@given(TOKENS)
def test_both_parsers_accept_the_same_with_the_same_values_and_places(text):
    quick, slow = read(text.encode(), "f"), read(text.encode(), "f", pure=True)
    assert bool(quick.faults) == bool(slow.faults)
    if not quick.faults:
        assert repr(plain(quick.value)) == repr(plain(slow.value))
        assert marks(quick.value) == marks(slow.value)


WORDS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\u2028\u2029\ufeff"
    )
).filter(lambda word: not isinstance(resolve(word), float))  # 1E0 is text in YAML 1.1 and a number in 1.2


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.booleans())
def test_what_pyyaml_writes_is_read_as_safe_load_reads_it(tree, flow, unicode):
    class Dumper(pyyaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    text = pyyaml.dump(tree, Dumper=Dumper, default_flow_style=flow, allow_unicode=unicode, width=10_000)
    expected = pyyaml.safe_load(text)
    if "\t" in text or text.startswith("%") or "\n%" in text:
        return
    document = read(text.encode(), "f")
    assert [str(fault) for fault in document.faults if "surrogate" not in str(fault)] == []
    assert repr(plain(document.value)) == repr(expected)
