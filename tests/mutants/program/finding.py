# SPDX-License-Identifier: MIT
"""Reads headers through clang and says what can be changed in them.

A change is an edit that keeps the original text where it stands: something is put before it and behind it. So changes
nest, and lines keep their numbers. What the compiler must know as a constant is left alone.
"""

import dataclasses
import pathlib
import re
import subprocess

from clang.cindex import CursorKind, Index, TypeKind

SWAPPED = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"], "&&": ["||"], "||": ["&&"],
    "&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"], ">>": ["<<"],
    "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="], "&=": ["|="], "|=": ["&="], "^=": ["|="],
    "<<=": [">>="], ">>=": ["<<="],
}
BINARY = (CursorKind.BINARY_OPERATOR, CursorKind.COMPOUND_ASSIGNMENT_OPERATOR)
REMOVED = (*BINARY, CursorKind.CALL_EXPR, CursorKind.UNARY_OPERATOR, CursorKind.UNEXPOSED_EXPR)
INTEGERS = (TypeKind.UCHAR, TypeKind.USHORT, TypeKind.UINT, TypeKind.ULONG, TypeKind.ULONGLONG, TypeKind.SCHAR,
            TypeKind.SHORT, TypeKind.INT, TypeKind.LONG, TypeKind.LONGLONG, TypeKind.CHAR_S)
CONSTANT = (CursorKind.STATIC_ASSERT, CursorKind.ENUM_CONSTANT_DECL, CursorKind.TEMPLATE_NON_TYPE_PARAMETER,
            CursorKind.TEMPLATE_TYPE_PARAMETER, CursorKind.ALIGNED_ATTR, CursorKind.TYPE_ALIAS_DECL)
DECLARATIONS = (CursorKind.VAR_DECL, CursorKind.FIELD_DECL, CursorKind.PARM_DECL)


@dataclasses.dataclass(frozen=True)
class Change:
    header: str  # below include/rewal
    line: int
    begin: int  # of the text that is changed, in bytes
    end: int
    operator: str
    original: str
    changed: str
    form: str  # expression, condition, statement or return: how it is written

    @property
    def key(self):
        return f"{self.header}:{self.line}:{self.begin}: {self.original} -> {self.changed}"


def flat(text):
    """In one line, without comments."""
    return re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", text)).strip()


class Finder:
    """The changes of one header."""

    def __init__(self, header, data):
        self.header, self.data, self.changes = header, data, {}

    def text(self, begin, end):
        return self.data[begin:end].decode()

    def add(self, cursor, operator, changed, form="expression", end=None):
        begin, end = cursor.extent.start.offset, end or cursor.extent.end.offset
        original = flat(self.text(begin, end))
        if "#" in original or "[&" in original or "[=" in original or "[this" in original or end <= begin:
            return
        change = Change(self.header, cursor.extent.start.line, begin, end, operator, original, changed, form)
        self.changes.setdefault((begin, end, changed), change)

    def visit(self, cursor, parent):
        if self.is_constant(cursor, parent):
            return
        kind = cursor.kind
        if kind in BINARY:
            self.binary(cursor)
        elif kind == CursorKind.CALL_EXPR:
            self.call(cursor)
        elif kind == CursorKind.UNARY_OPERATOR:
            self.unary(cursor)
        elif kind in (CursorKind.INTEGER_LITERAL, CursorKind.CXX_BOOL_LITERAL_EXPR):
            self.constant(cursor)
        elif kind in (CursorKind.IF_STMT, CursorKind.WHILE_STMT, CursorKind.CONDITIONAL_OPERATOR):
            self.condition(cursor)
        elif kind == CursorKind.RETURN_STMT:
            self.returned(cursor)
        if parent.kind == CursorKind.COMPOUND_STMT and kind in REMOVED:
            self.statement(cursor)
        for child in cursor.get_children():
            self.visit(child, cursor)

    def is_constant(self, cursor, parent):
        if cursor.kind in CONSTANT:
            return True
        if parent.kind in DECLARATIONS and cursor.kind == CursorKind.INTEGER_LITERAL:
            if cursor.extent.start.offset < parent.location.offset or \
                    self.data[parent.location.offset:].split(b"\n")[0].startswith(parent.spelling.encode() + b"["):
                return True  # of its type
        if cursor.kind in DECLARATIONS:
            words = self.text(cursor.extent.start.offset, cursor.location.offset)
            return re.search(r"\b(constexpr|constinit)\b", words) is not None
        if parent.kind == CursorKind.IF_STMT:
            begin = parent.extent.start.offset
            is_first = next(parent.get_children()).extent.start.offset == cursor.extent.start.offset
            return is_first and re.match(rb"if\s+constexpr", self.data[begin:]) is not None
        if parent.kind == CursorKind.CALL_EXPR:
            return re.match(rb"__builtin_|_mm", self.data[parent.extent.start.offset:]) is not None
        if parent.kind == CursorKind.CASE_STMT:
            return next(parent.get_children()) == cursor
        return False

    def binary(self, cursor):
        left, right = list(cursor.get_children())[:2]
        self.operands(cursor, left, right)

    def call(self, cursor):
        children = list(cursor.get_children())
        if cursor.spelling.startswith("operator") and len(children) == 3:
            self.operands(cursor, children[0], children[2])
            return
        text = self.text(cursor.extent.start.offset, cursor.extent.end.offset)
        if re.match(r"\(?std::(min|max|equal_to)\b", text):
            return  # in any order the same
        arguments = list(cursor.get_arguments())
        for one, two in zip(arguments, arguments[1:]):
            if one is None or two is None or one.type.get_canonical() != two.type.get_canonical():
                continue
            a, b = (one.extent.start.offset, one.extent.end.offset), (two.extent.start.offset, two.extent.end.offset)
            if a[0] >= a[1] or b[0] >= b[1] or a[1] > b[0] or self.text(*a) == self.text(*b):
                continue
            if b[1] > cursor.extent.end.offset or a[0] < cursor.extent.start.offset:
                continue
            if one.type.kind in (TypeKind.DEPENDENT, TypeKind.UNEXPOSED) or "memory_order" in one.type.spelling:
                continue
            changed = self.text(cursor.extent.start.offset, a[0]) + self.text(*b) + self.text(a[1], b[0]) + \
                self.text(*a) + self.text(b[1], cursor.extent.end.offset)
            self.add(cursor, "arguments swapped", flat(changed))

    def operands(self, cursor, left, right):
        middle = (left.extent.end.offset, right.extent.start.offset)
        found = re.fullmatch(r"\s*([-+*/%&|^<>=!]+)\s*", flat(self.text(*middle))) if middle[0] < middle[1] else None
        if not found or found[1] not in SWAPPED:
            return
        before = self.operand(left, cursor.extent.start.offset, middle[0])
        behind = self.operand(right, middle[1], cursor.extent.end.offset)
        for other in SWAPPED[found[1]]:
            self.add(cursor, "operator", f"{before} {other} {behind}")

    def operand(self, cursor, begin, end):
        """With parentheses where the other operator could bind it otherwise."""
        text = flat(self.text(begin, end))
        return f"({text})" if cursor.kind in BINARY or re.search(r" [-+*/%&|^<>=!]+ ", text) else text

    def unary(self, cursor):
        text = self.text(cursor.extent.start.offset, cursor.extent.end.offset)
        for old, new in (("++", "--"), ("--", "++")):
            if text.startswith(old):
                self.add(cursor, "operator", new + flat(text[2:]))

    def constant(self, cursor):
        text = self.text(cursor.extent.start.offset, cursor.extent.end.offset)
        if text in ("true", "false"):
            self.add(cursor, "constant", "false" if text == "true" else "true")
        elif re.fullmatch(r"(0x[0-9a-fA-F']+|[0-9']+)[uUlL]*", text):
            self.add(cursor, "constant", "1" if text == "0" else f"{text} + 1")
            if text == "1":
                self.add(cursor, "constant", "0")

    def condition(self, cursor):
        for child in cursor.get_children():
            end = child.extent.end.offset
            follows = self.data[end:].lstrip()[:1]
            wanted = b"?" if cursor.kind == CursorKind.CONDITIONAL_OPERATOR else b")"
            if not child.kind.is_expression() or follows != wanted:
                continue
            original = flat(self.text(child.extent.start.offset, end))
            if self.is_compared(child):
                return
            self.add(child, "condition", f"!({original})", "condition")
            return

    @staticmethod
    def is_compared(cursor):
        """A comparison, whose operators are changed already."""
        if cursor.kind not in (CursorKind.BINARY_OPERATOR, CursorKind.UNEXPOSED_EXPR):
            return False
        tokens, depth = [token.spelling for token in cursor.get_tokens()], 0
        for token in tokens:
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth == 0 and token in ("&&", "||", "?"):
                return False
        return cursor.kind == CursorKind.BINARY_OPERATOR and any(t in tokens for t in ("==", "!=", "<", ">", "<=", ">="))

    def returned(self, cursor):
        values = list(cursor.get_children())
        if not values:
            return
        value, kind = values[0], values[0].type.get_canonical().kind
        text = flat(self.text(value.extent.start.offset, value.extent.end.offset))
        if text == "*this" or value.kind == CursorKind.CXX_BOOL_LITERAL_EXPR or self.is_compared(value):
            return
        if kind == TypeKind.BOOL:
            self.add(value, "return value", f"!({text})", "condition")
        elif kind in INTEGERS and value.kind != CursorKind.INTEGER_LITERAL:
            self.add(value, "return value", f"({text}) + 1")
        elif kind not in (TypeKind.LVALUEREFERENCE, TypeKind.VOID) and text != "{}":
            end = self.data.index(b";", cursor.extent.end.offset) + 1
            if self.data[cursor.extent.end.offset:end].strip() == b";":
                self.add(cursor, "return value", "return {};", "return", end)

    def statement(self, cursor):
        end = self.data.find(b";", cursor.extent.end.offset) + 1
        if self.data[cursor.extent.end.offset:end].strip() == b";":
            self.add(cursor, "statement", "", "statement", end)


def parsed(include, headers, arguments):
    """clang's view of a source that includes these headers."""
    resources = subprocess.run(["clang", "-print-resource-dir"], capture_output=True, text=True, check=False).stdout.strip()
    source = "".join(f"#include <{header}>\n" for header in headers)
    flags = ["-x", "c++", "-std=c++20", f"-I{include}", "-isystem", f"{resources}/include", *arguments]
    return Index.create().parse("all.cpp", args=flags, unsaved_files=[("all.cpp", source)])


def all_changes(include, headers, arguments=()):
    """Of headers below `include`, in the order of their places."""
    include = pathlib.Path(include)
    finders = {str(include / header): Finder(header.removeprefix("rewal/"), (include / header).read_bytes())
               for header in headers}
    unit = parsed(include, headers, arguments)
    fatal = [str(d) for d in unit.diagnostics if d.severity >= 3]
    if fatal:
        raise SystemExit("clang does not read the headers: " + fatal[0])
    for cursor in unit.cursor.get_children():
        finder = finders.get(str(cursor.location.file))
        if finder:
            finder.visit(cursor, unit.cursor)
    changes = [change for finder in finders.values() for change in finder.changes.values()]
    return sorted(changes, key=lambda c: (c.header, c.begin, -c.end, c.operator, c.changed))
