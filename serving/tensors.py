"""Read and write the tensors of the Open Inference Protocol: as JSON, or as bytes behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from serving.bodies import parse_json
from serving.refusals import BodyUnreadable, Fault, RequestRefused
from serving.schemas import json_path

#: Most lists and objects of a request: a nested tensor has one a step, and more could stall.
BRACKETS: Final = 8192

#: Little-endian, as the protocol's binary extension has them.
FORMATS: Final[Mapping[str, np.dtype[Any]]] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}

STRICT: Final = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Parameters = dict[str, bool | int | float | str]
Name = Annotated[str, Field(min_length=1, max_length=64)]

_FLOATS: Final = TypeAdapter(
    Annotated[list[float | None], Field(fail_fast=True)],
    config=ConfigDict(strict=True, allow_inf_nan=False),
)
_WHOLES: Final = TypeAdapter(
    Annotated[list[Annotated[int, Field(ge=-(2**63), lt=2**63)]], Field(fail_fast=True)],
    config=ConfigDict(strict=True),
)


class TensorBody(BaseModel):
    """One tensor of a request; null in its data, or a NaN among bytes, marks a gap."""

    model_config = STRICT

    name: Name
    shape: Annotated[list[Annotated[int, Field(ge=1, le=2**20)]], Field(min_length=1, max_length=4)]
    datatype: Annotated[str, Field(max_length=8)]
    parameters: Parameters = Field(default_factory=dict)
    data: list[Any] | None = None


class OutputBody(BaseModel):
    """One tensor that is asked for; its parameter `binary_data` asks for bytes."""

    model_config = STRICT

    name: Name
    parameters: Parameters = Field(default_factory=dict)


class InferBody(BaseModel):
    """A request of the protocol."""

    model_config = STRICT

    id: Annotated[str, Field(pattern=r"^[ -~]{0,128}$")] = ""
    parameters: Parameters = Field(default_factory=dict)
    inputs: Annotated[list[TensorBody], Field(min_length=1, max_length=8)]
    outputs: Annotated[list[OutputBody], Field(max_length=8)] | None = None


@dataclass(frozen=True)
class Infer:
    """A request with its tensors by name."""

    body: InferBody
    tensors: Mapping[str, NDArray[Any]]


def read_infer(body: bytes, header_length: str | None) -> Infer:
    """Read a request.

    Args:
        body: JSON, and behind it the bytes of the tensors that say so.
        header_length: how many bytes the JSON has; all when None.

    Raises:
        BodyUnreadable: no JSON, or the lengths do not fit the body.
        RequestRefused: a field is missing, unknown or wrong; names each path.
    """
    size = _header_size(header_length, len(body))
    parsed = parse_json(body[:size], brackets=BRACKETS)
    try:
        asked = InferBody.model_validate(parsed)
    except ValidationError as error:
        raise _refusal(error, "") from error
    if len({tensor.name for tensor in asked.inputs}) < len(asked.inputs):
        raise refused("$.inputs", "each tensor once")
    return Infer(asked, _tensors(asked.inputs, memoryview(body)[size:]))


def refused(path: str, message: str) -> RequestRefused:
    """Return a refusal with its one place."""
    return RequestRefused(
        f"the request cannot be read: {message}", [Fault(path=path, message=message)]
    )


def _header_size(header_length: str | None, size: int) -> int:
    if header_length is None:
        return size
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 12):
        raise _unfit("Inference-Header-Content-Length must be a number")
    if int(header_length) > size:
        raise _unfit("Inference-Header-Content-Length is more than the body has")
    return int(header_length)


def _unfit(message: str) -> BodyUnreadable:
    return BodyUnreadable(message, [Fault(path="$", message=message)])


def _tensors(inputs: Sequence[TensorBody], rest: memoryview) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for place, tensor in enumerate(inputs):
        path = f"$.inputs[{place}]"
        form = FORMATS.get(tensor.datatype)
        if form is None:
            raise refused(f"{path}.datatype", f"one of {', '.join(FORMATS)}")
        if tensor.parameters.keys() - {"binary_data_size"}:
            raise refused(f"{path}.parameters", "only binary_data_size is known")
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            values = _from_json(tensor, path)
        elif (
            tensor.data is not None
            or type(size) is not int
            or size != prod(tensor.shape) * form.itemsize
        ):
            raise refused(
                path, "binary_data_size must be that of the shape, without data beside it"
            )
        elif size > len(rest):
            raise _unfit("the body ends before its tensors do")
        else:
            values, rest = np.frombuffer(rest[:size], form), rest[size:]
        tensors[tensor.name] = values.reshape(tensor.shape)
    if len(rest):
        raise _unfit("bytes that belong to no tensor")
    return tensors


def _from_json(tensor: TensorBody, path: str) -> NDArray[Any]:
    flat = list(_flattened(tensor.data or []))
    if len(flat) != prod(tensor.shape):
        raise refused(f"{path}.data", f"needs one value a place of the shape: {prod(tensor.shape)}")
    adapter = _FLOATS if tensor.datatype == "FP32" else _WHOLES
    try:
        values = adapter.validate_python(flat)
    except ValidationError as error:
        raise _refusal(error, f".inputs.{tensor.name}.data") from error
    # Beyond float32 lies beyond every station's bounds as well: infinite, and refused there.
    with np.errstate(over="ignore"):
        return np.array(values, np.float64 if tensor.datatype == "FP32" else np.int64).astype(
            FORMATS[tensor.datatype]
        )


def _flattened(data: Iterable[Any]) -> Iterable[Any]:
    """Yield the values of a tensor that may be nested, row by row, without recursion."""
    waiting = [iter(data)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                waiting.append(iter(value))
                break
            yield value
        else:
            waiting.pop()


def _refusal(error: ValidationError, below: str) -> RequestRefused:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [
        Fault(path=json_path(detail["loc"]).replace("$", f"${below}", 1), message=detail["msg"])
        for detail in details
    ]
    first = faults[0]
    return RequestRefused(f"the request cannot be read: {first.path}: {first.message}", faults)
