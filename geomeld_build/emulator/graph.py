"""Decodes an expression graph into closures and evaluates it.

Evaluation is pure, so every value is computed at most once per binding of the lambda variables it depends on: values
that depend on none are computed once per request, also when they stand inside a mapped function.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.functions.coerce import COERCIONS
from geomeld_build.emulator.functions.registry import Function, lookup
from geomeld_build.emulator.session import Session
from geomeld_build.emulator.signatures import Parameter
from geomeld_build.emulator.values import Lambda

__all__ = ["Evaluator", "evaluate"]

_MOST_DEPTH = 100
_NOTHING = object()


class Frame:
    """Lambda variables in scope, and the values that depend on them."""

    __slots__ = ("bindings", "memo", "parent")

    def __init__(self, parent: Frame | None, bindings: Mapping[str, Any]) -> None:
        self.parent = parent
        self.bindings = bindings
        self.memo: dict[object, Any] = {}

    def holder(self, free: frozenset[str]) -> Frame:
        """The innermost frame that binds one of these variables; the outermost frame without any."""
        frame = self
        while frame.parent is not None and free.isdisjoint(frame.bindings):
            frame = frame.parent
        return frame

    def get(self, name: str) -> Any:
        """The value of a variable."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.bindings:
                return frame.bindings[name]
            frame = frame.parent
        raise ServiceError(f"Invalid argument: unknown variable reference '{name}'.")


Code = Callable[[Frame], Any]
Node = tuple[Code, frozenset[str]]
NO_NAMES: frozenset[str] = frozenset()


class Evaluator:
    """One expression graph over one session."""

    def __init__(self, expression: Mapping[str, Any], session: Session) -> None:
        self._session = session
        self._values: Mapping[str, Any] = expression.get("values") or {}
        self._result = str(expression.get("result", ""))
        self._compiled: dict[str, Node] = {}
        self._open: list[str] = []

    def run(self) -> Any:
        """The value of the graph's result.

        Raises:
            ServiceError: malformed graph, function not emulated, or a function that refuses its input.
        """
        for key in self._order(self._result):
            self._value(key)
        root = Frame(None, {})
        # Deep chains of values are evaluated from their leaves on, so that recursion stays shallow. A value that
        # fails is left: it is evaluated again if the result needs it, and fails then.
        if len(self._compiled) > 200:
            for key, (code, free) in list(self._compiled.items()):
                if not free:
                    self._attempt(code, root, key)
        return self._reference(self._result)[0](root)

    def _attempt(self, code: Code, root: Frame, key: str) -> None:
        if key not in root.memo:
            try:
                root.memo[key] = code(root)
            except ServiceError:
                return

    def _order(self, start: str) -> list[str]:
        """Keys of all values under ``start``, referenced ones first."""
        order: list[str] = []
        done: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        active: set[str] = set()
        while stack:
            key, leaving = stack.pop()
            if leaving:
                active.discard(key)
                done.add(key)
                order.append(key)
                continue
            if key in done:
                continue
            if key in active:
                raise ServiceError("Invalid argument: the expression contains a cycle.")
            if key not in self._values:
                raise ServiceError(f"Invalid argument: value reference '{key}' does not exist in the expression.")
            active.add(key)
            stack.append((key, True))
            stack.extend((child, False) for child in _references(self._values[key]) if child not in done)
        return order

    def _value(self, key: str) -> Node:
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = self._compile(self._values[key], 0)
        return found

    def _reference(self, key: str) -> Node:
        code, free = self._value(key)

        def run(frame: Frame) -> Any:
            memo = frame.holder(free).memo
            value = memo.get(key, _NOTHING)
            if value is _NOTHING:
                value = memo[key] = code(frame)
            return value

        return run, free

    def _compile(self, node: Any, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise ServiceError(f"Expression is nested more than {_MOST_DEPTH} deep.")
        if not isinstance(node, dict) or len(node) != 1:
            raise ServiceError(f"Invalid argument: malformed value node {str(node)[:200]}.")
        ((kind, body),) = node.items()
        match kind:
            case "constantValue":
                return (lambda _: body), NO_NAMES
            case "integerValue":
                number = int(body)
                return (lambda _: number), NO_NAMES
            case "bytesValue":
                data = base64.b64decode(body)
                return (lambda _: data), NO_NAMES
            case "valueReference":
                return self._reference(str(body))
            case "argumentReference":
                name = str(body)
                return (lambda frame: frame.get(name)), frozenset({name})
            case _:
                return self._compile_compound(kind, body, depth + 1)

    def _compile_compound(self, kind: str, body: Mapping[str, Any], depth: int) -> Node:
        match kind:
            case "arrayValue":
                items = [self._compile(item, depth) for item in body.get("values", [])]
                codes = [code for code, _ in items]
                return (lambda frame: [code(frame) for code in codes]), _free(items)
            case "dictionaryValue":
                named = {key: self._compile(item, depth) for key, item in body.get("values", {}).items()}
                pairs = [(key, code) for key, (code, _) in named.items()]
                return (lambda frame: {key: code(frame) for key, code in pairs}), _free(named.values())
            case "functionDefinitionValue":
                return self._compile_lambda(body)
            case "functionInvocationValue":
                return self._compile_call(body, depth)
            case _:
                raise ServiceError(f"Invalid argument: unknown value node '{kind}'.")

    def _compile_lambda(self, body: Mapping[str, Any]) -> Node:
        names = tuple(str(name) for name in body.get("argumentNames", []))
        code, free = self._reference(str(body["body"]))
        outer = free - set(names)

        def make(frame: Frame) -> Lambda:
            return Lambda(len(names), lambda *args: code(Frame(frame, dict(zip(names, args, strict=True)))))

        return make, outer

    def _compile_call(self, body: Mapping[str, Any], depth: int) -> Node:
        arguments = {key: self._compile(item, depth) for key, item in body.get("arguments", {}).items()}
        if "functionReference" in body:
            return self._compile_custom(str(body["functionReference"]), arguments)
        found = lookup(str(body.get("functionName", "")))
        known = {parameter.name for parameter in found.parameters}
        unknown = sorted(set(arguments) - known)
        if unknown:
            raise ServiceError(f"{found.name}: Unrecognized arguments {unknown}. Expected {sorted(known)}.")
        free = _free(arguments.values())
        if found.name == "If":
            return _conditional(arguments), free
        readers = [_reader(found.name, p, arguments.get(p.name)) for p in found.parameters]
        return _hoisted(self._invocation(found, readers), free), free

    def _invocation(self, found: Function, readers: list[Code]) -> Code:
        name, implementation, session = found.name, found.call, self._session

        def invoke(frame: Frame) -> Any:
            values = [read(frame) for read in readers]
            try:
                return implementation(session, *values) if found.wants_session else implementation(*values)
            except EvalError as exc:
                raise ServiceError(f"{name}: {exc}") from exc

        return invoke

    def _compile_custom(self, key: str, arguments: Mapping[str, Node]) -> Node:
        code, free = self._reference(key)

        def invoke(frame: Frame) -> Any:
            target = code(frame)
            if not isinstance(target, Lambda):
                raise ServiceError("Invalid argument: functionReference does not name a function.")
            # Custom functions are called with their arguments by name, which sort in the order of definition.
            names = self._lambda_names(key)
            return target.apply(*(arguments[name][0](frame) for name in names))

        return invoke, free | _free(arguments.values())

    def _lambda_names(self, key: str) -> list[str]:
        definition = self._values[key]
        while "valueReference" in definition:
            definition = self._values[definition["valueReference"]]
        return [str(name) for name in definition["functionDefinitionValue"]["argumentNames"]]


def _hoisted(code: Code, free: frozenset[str]) -> Code:
    """Inside a function, computes what depends on outer variables only once for all its calls."""
    key = object()

    def run(frame: Frame) -> Any:
        holder = frame.holder(free)
        if holder is frame:
            return code(frame)
        value = holder.memo.get(key, _NOTHING)
        if value is _NOTHING:
            value = holder.memo[key] = code(frame)
        return value

    return run


def _free(nodes: Iterable[Node]) -> frozenset[str]:
    return NO_NAMES.union(*(free for _, free in nodes))


def _references(node: Any) -> list[str]:
    """Keys that a value node refers to."""
    found: list[str] = []
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            for key, value in item.items():
                if key == "constantValue":
                    continue
                if key in ("valueReference", "functionReference", "body") and isinstance(value, str):
                    found.append(value)
                else:
                    stack.append(value)
    return found


def _conditional(arguments: Mapping[str, Node]) -> Code:
    def branch(name: str, frame: Frame) -> Any:
        node = arguments.get(name)
        return None if node is None else node[0](frame)

    return lambda frame: branch("trueCase" if branch("condition", frame) else "falseCase", frame)


def _reader(function: str, parameter: Parameter, node: Node | None) -> Code:
    """Reads one argument: evaluated, checked for null, promoted to the type of the signature."""
    coerce = COERCIONS.get(parameter.type)
    if node is None:
        if not parameter.optional:
            text = f"{function}: Parameter '{parameter.name}' is required and may not be null."
            return lambda _: _fail(text)
        default = parameter.default
        if coerce is not None and default is not None:
            default = coerce(default)
        return lambda _: default
    code = node[0]

    def read(frame: Frame) -> Any:
        value = code(frame)
        if value is None:
            if parameter.optional:
                return None if parameter.default is None or coerce is None else coerce(parameter.default)
            _fail(f"{function}: Parameter '{parameter.name}' is required and may not be null.")
        if coerce is None:
            return value
        try:
            return coerce(value)
        except EvalError as exc:
            raise ServiceError(f"{function}, argument '{parameter.name}': {exc}") from exc

    return read


def _fail(message: str) -> Any:
    raise ServiceError(message)


def evaluate(expression: Mapping[str, Any], session: Session) -> Any:
    """The value of an expression.

    Raises:
        ServiceError: it cannot be evaluated.
    """
    try:
        return Evaluator(expression, session).run()
    except RecursionError as exc:
        raise ServiceError("Expression is too deeply nested.") from exc
    except EvalError as exc:
        raise ServiceError(str(exc)) from exc
