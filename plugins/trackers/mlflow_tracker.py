"""Writes a run of MLflow through its client, without a global state."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, final

from egoexobench.toolbox.run_fields import (
    check_address,
    flatten_settings,
    list_scores,
    name_run,
)

_VARIABLES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""A server that does not answer must not stop a run for minutes."""
_MAX_PARAM_CHARS = 500
_MAX_BATCH = 100


@final
class MlflowTracker:
    """One run of an experiment."""

    def __init__(self, uri: str | None, experiment: str) -> None:
        check_address(uri or "", "option 'uri' of tracker 'mlflow'")
        for name, value in _VARIABLES.items():
            os.environ.setdefault(name, value)
        import_module("mlflow")
        self._uri, self._experiment = uri, experiment
        self._client: Any = None
        self._run_id = ""

    def start(self, record: Mapping[str, Any]) -> None:
        """Create the run with its settings."""
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        experiment = self._client.get_experiment_by_name(self._experiment)
        number = experiment and experiment.experiment_id
        if number is None:
            number = self._client.create_experiment(self._experiment)
        self._run_id = self._client.create_run(number, run_name=name_run(record)).info.run_id
        self._log_params(flatten_settings(record))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = [Metric(name, value, now, step) for name, value in metrics.items()]
        for start in range(0, len(values), _MAX_BATCH):
            self._client.log_batch(self._run_id, metrics=values[start : start + _MAX_BATCH])

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """Write the scores and the record, and end the run."""
        if record is None:
            self._client.set_terminated(self._run_id, "FAILED")
            return
        self.log({f"score/{name}": value for name, value in list_scores(record).items()}, 0)
        self._client.log_dict(self._run_id, dict(record), "record.json")
        self._client.set_terminated(self._run_id, "FINISHED")

    def _log_params(self, settings: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:_MAX_PARAM_CHARS]) for name, value in settings.items()]
        for start in range(0, len(params), _MAX_BATCH):
            self._client.log_batch(self._run_id, params=params[start : start + _MAX_BATCH])
