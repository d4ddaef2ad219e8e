"""Evaluates the condition of a conditional ACE against a described token.

Rules: arbitration.md 3.11. Windows has three answers here too: true, false and "cannot be
evaluated" (an attribute that is not in the token). The oracle answers with a pair: is it true, is
it undefined; each three-valued.
"""

import re

from tests.oracle.oracle_logic import Tri
from tests.oracle.oracle_token import Token

Answer = tuple[Tri, Tri]
TRUE: Answer = (True, False)
FALSE: Answer = (False, False)
UNDEFINED: Answer = (False, True)
UNKNOWN: Answer = (None, None)
TOKENS = re.compile(r'\s*(&&|\|\||!=|==|!|\(|\)|\{|\}|,|"[^"]*"|[^\s()!&|{},="]+)')


class _Reader:
    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            found = TOKENS.match(text, place)
            if not found:
                raise ValueError(text)
            self.words.append(found.group(1))
            place = found.end()

    def peek(self) -> str:
        return self.words[0] if self.words else ""

    def take(self) -> str:
        if not self.words:
            raise ValueError("the condition ends early")
        return self.words.pop(0)


def evaluate_condition(text: str, token: Token) -> Answer:
    """Rule 3.11; a form the oracle does not know is unknown, never false."""
    try:
        reader = _Reader(text)
        answer = _either(reader, token)
    except ValueError:
        return UNKNOWN
    return answer if not reader.words else UNKNOWN


def _either(reader: _Reader, token: Token) -> Answer:
    answer = _both(reader, token)
    while reader.peek() == "||":
        reader.take()
        answer = _opposite(_join(_opposite(answer), _opposite(_both(reader, token))))
    return answer


def _both(reader: _Reader, token: Token) -> Answer:
    answer = _one(reader, token)
    while reader.peek() == "&&":
        reader.take()
        answer = _join(answer, _one(reader, token))
    return answer


def _join(left: Answer, right: Answer) -> Answer:
    """AND with three Windows answers: false wins, then undefined, then true."""
    if FALSE in {left, right}:
        return FALSE
    if UNKNOWN in {left, right}:
        return UNKNOWN
    return UNDEFINED if UNDEFINED in {left, right} else TRUE


def _opposite(answer: Answer) -> Answer:
    return {TRUE: FALSE, FALSE: TRUE}.get(answer, answer)


def _one(reader: _Reader, token: Token) -> Answer:
    word = reader.take()
    if word == "!":
        return _opposite(_one(reader, token))
    if word == "(":
        answer = _either(reader, token)
        if reader.take() != ")":
            raise ValueError("a parenthesis is not closed")
        return answer
    if word == "Exists":
        return _exists(reader.take(), token)
    operator = reader.take()
    values = _values(reader)
    if word.upper() != "WIN://SYSAPPID" or operator not in {"Contains", "Any_of", "=="}:
        return UNKNOWN
    return _family_among(values, operator, token)


def _values(reader: _Reader) -> list[str]:
    if reader.peek() != "{":
        return [reader.take().strip('"')]
    reader.take()
    found = []
    while reader.peek() != "}":
        word = reader.take()
        if word != ",":
            found.append(word.strip('"'))
    reader.take()
    return found


def _exists(name: str, token: Token) -> Answer:
    if name.upper() != "WIN://SYSAPPID" or token.family is None:
        return UNKNOWN
    return TRUE if token.family else FALSE


def _family_among(values: list[str], operator: str, token: Token) -> Answer:
    """WIN://SYSAPPID holds the family name; a token without package has no such attribute."""
    if token.family is None:
        return UNKNOWN
    if not token.family:
        return UNDEFINED
    same = [value.lower() == token.family.lower() for value in values]
    if not any(same):
        return FALSE
    return TRUE if operator == "Any_of" or all(same) else UNKNOWN
