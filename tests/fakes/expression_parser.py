"""Parses DynamoDB's expressions. Each text is parsed only once. Any syntax that is not supported is refused."""

from __future__ import annotations

import re
from functools import lru_cache

from tests.fakes.dynamodb_expressions import (
    Between,
    Both,
    Change,
    Compare,
    Condition,
    Either,
    Function,
    Negation,
    Node,
    OneOf,
    Operand,
)
from tests.fakes.dynamodb_values import Unsupported

TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z_][A-Za-z0-9_]*)|(<>|<=|>=|[=<>(),]))")
COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "begins_with": 2, "contains": 2}
WORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "ADD", "REMOVE", "DELETE"})
KEYS = ("pk", "sk")


@lru_cache(maxsize=1024)
def condition(text: str) -> Condition:
    """Parse a condition or a key condition. Raises Unsupported."""
    parser = Parser(text)
    node = parser.either()
    parser.end()
    return Condition(node, frozenset(parser.used))


@lru_cache(maxsize=1024)
def change(text: str) -> Change:
    """Parse an update expression: SET, ADD and REMOVE, each at most once. Raises Unsupported."""
    parser = Parser(text)
    found = parser.clauses()
    return Change(tuple(found["SET"]), tuple(found["ADD"]), tuple(found["REMOVE"]), frozenset(parser.used))


class Parser:
    """A recursive descent parser for one expression. `used` collects the placeholders in the expression."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.used = text, _tokens(text), 0, set[str]()
        self._closed_by = self._pairs()

    def either(self) -> Node:
        """Parse `a OR b OR …`."""
        node = self._both()
        while self._skip("OR"):
            node = Either(node, self._both())
        return node

    def end(self) -> None:
        """Refuse any text after the expression."""
        if self.at < len(self.tokens):
            raise self._wrong(f"{self.tokens[self.at]!r} follows its end")

    def clauses(self) -> dict[str, list]:  # type: ignore[type-arg]
        """Parse an update expression and return its clauses by their keyword."""
        found: dict[str, list] = {"SET": [], "ADD": [], "REMOVE": []}  # type: ignore[type-arg]
        readers = {"SET": self._assignment, "ADD": self._addition, "REMOVE": self._name}
        while self.at < len(self.tokens):
            word = self._next().upper()
            if word not in readers or found[word]:
                raise self._wrong(f"{word!r} stands where only SET, ADD or REMOVE may stand, and each of them once")
            found[word].append(readers[word]())
            while self._skip(","):
                found[word].append(readers[word]())
        if not any(found.values()):
            raise self._wrong("it changes nothing")
        return found

    def _both(self) -> Node:
        node = self._negation()
        while self._skip("AND"):
            node = Both(node, self._negation())
        return node

    def _negation(self) -> Node:
        if self._skip("NOT"):
            return Negation(self._negation())
        if self._peek() == "(":
            return self._bracketed()
        if self._peek(1) == "(":
            return self._function()
        subject, word = self._operand(), self._next()
        if word.upper() == "BETWEEN":
            low = self._operand()
            self._need("AND")
            return Between(subject, low, self._operand())
        if word.upper() == "IN":
            self._need("(")
            return OneOf(subject, self._list())
        if word not in COMPARATORS:
            raise self._wrong(f"{word!r} stands where a comparator must stand")
        return Compare(word, subject, self._operand())

    def _bracketed(self) -> Node:
        begin = self.at
        if self._peek(1) == "(" and self._closed_by[begin + 1] == self._closed_by[begin] - 1:
            raise self._wrong("it has redundant parentheses, which DynamoDB refuses")
        self._need("(")
        node = self.either()
        self._need(")")
        return node

    def _function(self) -> Node:
        name = self._next()
        if name not in FUNCTIONS:
            raise self._wrong(f"the function {name!r} is not supported")
        self._need("(")
        operands = self._list()
        if len(operands) != FUNCTIONS[name] or operands[0].is_value:
            raise self._wrong(f"{name} takes {FUNCTIONS[name]} operands, and the first must be a name")
        return Function(name, operands)

    def _list(self) -> tuple[Operand, ...]:
        operands = [self._operand()]
        while self._skip(","):
            operands.append(self._operand())
        self._need(")")
        return tuple(operands)

    def _assignment(self) -> tuple[Operand, Operand, Operand | None]:
        target = self._name()
        self._need("=")
        if self._peek(1) != "(":
            return target, self._value(), None
        if self._next() != "if_not_exists":
            raise self._wrong("the only function supported in SET is if_not_exists")
        self._need("(")
        kept = self._name()
        self._need(",")
        value = self._value()
        self._need(")")
        return target, value, kept

    def _addition(self) -> tuple[Operand, Operand]:
        return self._name(), self._value()

    def _name(self) -> Operand:
        operand = self._operand()
        if operand.is_value:
            raise self._wrong(f"{operand.text!r} stands where a name must stand")
        return operand

    def _value(self) -> Operand:
        operand = self._operand()
        if not operand.is_value:
            raise self._wrong(f"{operand.text!r} stands where a value must stand")
        return operand

    def _operand(self) -> Operand:
        text = self._next()
        if text[0] in "#:":
            self.used.add(text)
        elif text not in KEYS and "_" not in text:  # none of DynamoDB's reserved words contains an underscore
            raise self._wrong(f"{text!r} may be a reserved word, so write #{text}")
        elif not text.isidentifier() or text in FUNCTIONS:
            raise self._wrong(f"{text!r} stands where a name or a value must stand")
        return Operand(text)

    def _peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise self._wrong("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _skip(self, token: str) -> bool:
        found = self._peek().upper() == token
        self.at += found
        return found

    def _need(self, token: str) -> None:
        if not self._skip(token):
            raise self._wrong(f"{self._peek()!r} stands where {token!r} must stand")

    def _pairs(self) -> dict[int, int]:
        pairs, open_ones = {}, []
        for index, token in enumerate(self.tokens):
            if token == "(":
                open_ones.append(index)
            elif token == ")" and open_ones:
                pairs[open_ones.pop()] = index
        if open_ones:
            raise self._wrong("a parenthesis is not closed")
        return pairs

    def _wrong(self, why: str) -> Unsupported:
        return Unsupported(f"the expression {self.text!r} is wrong: {why}")


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Unsupported(f"the expression {text!r} has unsupported text from here on: {text[at:]!r}")
        tokens.append(match.group(1) or match.group(2))
        at = match.end()
    return tokens
