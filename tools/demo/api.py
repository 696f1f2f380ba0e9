"""Ask Prometheus over its HTTP API."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_TIMEOUT_SECONDS = 10.0


class Unanswered(Exception):  # noqa: N818  # a fact about the world, not an error of the program
    """Prometheus did not answer, or refused the question."""


@dataclass(frozen=True, slots=True)
class Value:
    """One sample of an instant query.

    Attributes:
        labels: the series.
        value: the number.
    """

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus.

    Attributes:
        address: where it listens.
        port: TCP port.
    """

    address: str
    port: int

    def is_ready(self) -> bool:
        """Return whether it is ready to answer queries."""
        return self._get("/-/ready")[0] == http.client.OK

    def query(self, expression: str) -> list[Value]:
        """Ask an instant query.

        Args:
            expression: PromQL.

        Returns:
            The samples.

        Raises:
            Unanswered: it does not answer, or takes the query for wrong.
        """
        answer = self.ask("query", query=expression)
        return [Value(item["metric"], float(item["value"][1])) for item in answer["result"]]

    def ask(self, endpoint: str, **parameters: str) -> Any:
        """Ask the API.

        Args:
            endpoint: such as `query` or `alerts`.
            **parameters: of the question.

        Returns:
            `data` of the answer.

        Raises:
            Unanswered: it does not answer, or takes the question for wrong.
        """
        status, body = self._get(f"/api/v1/{endpoint}?{urlencode(parameters)}")
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Unanswered(f"status {status}: no JSON") from error
        if answer.get("status") != "success":
            raise Unanswered(f"status {status}: {answer.get('error')}")
        return answer["data"]

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(str(error)) from error
        finally:
            connection.close()
