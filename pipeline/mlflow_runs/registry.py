"""The registered versions of one model and their aliases: champion, challenger, previous_champion."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import BundleError, LeadQualificationError
from models.analyses import FOLDER
from models.quality.gate import GateDecision
from pipeline.mlflow_runs.store import open_store

__all__ = ["Registry", "Version"]

TAG_LENGTH = 4900  # MLflow refuses longer values


@dataclass(frozen=True)
class Version:
    """One registered version.

    Attributes
    ----------
    version : str
        Its number.
    run_id : str
        The MLflow run that logged it.
    source : str
        Address of the logged model.
    tags : dict of str to str
        What was decided about it.
    """

    version: str
    run_id: str
    source: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Registry:
    """The registry, for one model name."""

    mlflow: Any
    client: Any
    name: str

    @classmethod
    def open(cls, workspace: Path, name: str) -> "Registry":
        """Connect; the registered model is created on first use."""
        mlflow, _ = open_store(workspace, name)
        client = mlflow.MlflowClient()
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(
                name, description="Calibrated probability that a lead becomes sales-qualified, with reasons."
            )
        return cls(mlflow, client, name)

    @classmethod
    def find(cls, workspace: Path, name: str) -> "Registry | None":
        """Connect without making anything; None when nothing was published under this name yet."""
        mlflow, _ = open_store(workspace, name)
        client = mlflow.MlflowClient()
        return cls(mlflow, client, name) if client.search_registered_models(f"name = '{name}'") else None

    def _version(self, number: str) -> Version:
        # Read anew each time: tags change between the steps of a decision.
        found = self.client.get_model_version(self.name, number)
        return Version(str(found.version), str(found.run_id), str(found.source), dict(found.tags))

    def alias(self, alias: str) -> Version | None:
        """Find the version that carries an alias; None when there is none."""
        number = self.client.get_registered_model(self.name).aliases.get(alias)
        return None if number is None else self._version(str(number))

    def set_alias(self, alias: str, version: Version | None) -> None:
        """Move an alias to a version; None takes it away."""
        if version is None:
            self.client.delete_registered_model_alias(self.name, alias)
        else:
            self.client.set_registered_model_alias(self.name, alias, version.version)

    def register(self, tracking: dict[str, str]) -> Version:
        """Register a tracked model; a bundle that is registered already keeps its version.

        Parameters
        ----------
        tracking : dict
            As `pipeline.mlflow_runs.provenance.read_tracking` returns it.

        Raises
        ------
        LeadQualificationError
            If the run is not in this store.
        """
        from mlflow.exceptions import MlflowException

        digest = tracking["bundle_sha256"]
        same = self.with_bundle(digest)
        if same is not None:
            return same
        try:
            run = self.client.get_run(tracking["run_id"])
            with contextlib.redirect_stderr(io.StringIO()):  # it prints there what the caller says better
                created = self.mlflow.register_model(
                    tracking["model_uri"],
                    self.name,
                    tags={"bundle_sha256": digest, "git_commit": run.data.tags.get("git_commit", "unknown")},
                )
        except MlflowException as error:
            raise LeadQualificationError(
                f"run {tracking['run_id']} can't be registered from {self.mlflow.get_tracking_uri()}: {error}. "
                "Record it again: `dvc repro --force --single-item tracking`."
            ) from error
        self.client.update_model_version(
            self.name, created.version, description=run.data.tags.get("mlflow.note.content")
        )
        return self._version(str(created.version))

    def with_bundle(self, sha256: str) -> Version | None:
        """Find the earliest version of a bundle; None: it is not registered.

        Parameters
        ----------
        sha256 : str
            As `models.bundle.bundle_hash` gives it.
        """
        same = [
            item
            for item in self.client.search_model_versions(f"name = '{self.name}'")
            if item.tags.get("bundle_sha256") == sha256
        ]
        return self._version(str(min(same, key=lambda item: int(item.version)).version)) if same else None

    def bundle(self, version: Version) -> Path:
        """Fetch a version's bundle; a folder that must not be changed.

        Raises
        ------
        BundleError
            If the logged model holds none.
        """
        folder = Path(self.mlflow.artifacts.download_artifacts(f"models:/{self.name}/{version.version}"))
        bundle = folder / "artifacts" / "bundle"
        if not bundle.is_dir():
            raise BundleError(f"{self.name} version {version.version}: no bundle in {folder}. Publish it again.")
        return bundle

    def analyses(self, version: Version) -> Path | None:
        """Fetch the analyses that were attached to a version; None: there are none."""
        if not self.client.list_artifacts(version.run_id, FOLDER):
            return None
        return Path(self.mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path=FOLDER))

    def provenance(self, version: Version) -> dict[str, Any]:
        """Say where a version came from."""
        data = self.client.get_run(version.run_id).data
        tags = data.tags
        return {
            "name": self.name,
            "version": version.version,
            "run_id": version.run_id,
            "run_name": tags.get("mlflow.runName"),
            "git_commit": tags.get("git_commit"),
            "git_dirty": tags.get("git_dirty") == "true",
            "bundle_sha256": version.tags.get("bundle_sha256"),
            "decision": version.tags.get("decision"),
            "promise": _promise(data.metrics),
        }

    def attach(self, version: Version, folder: Path) -> None:
        """Log a folder of analyses with a version's run, outside the bundle; those of before are replaced, one by one."""
        self.client.log_artifacts(version.run_id, str(folder), FOLDER)

    def tag(self, version: Version, tags: dict[str, str]) -> None:
        """Tag a version."""
        for key, value in tags.items():
            self.client.set_model_version_tag(self.name, version.version, key, value[:TAG_LENGTH])

    def tag_decision(
        self, version: Version, decision: GateDecision, champion: Version | None, facts: dict[str, str]
    ) -> None:
        """Tag a version with the gate's decision: verdict, rows, and every check with its numbers."""
        checks = {
            f"check.{check.name}": json.dumps({"passed": check.passed, **check.figures, "sentence": check.sentence})
            for check in decision.checks
        }
        self.tag(
            version,
            {
                "decision": "promoted" if decision.promote else "refused",
                "verdict": decision.verdict,
                "compared_with_version": "none" if champion is None else champion.version,
                **facts,
                **checks,
            },
        )

    def promote(self, challenger: Version, champion: Version | None) -> None:
        """Make the challenger champion; the old one stays within reach as `previous_champion`."""
        if champion is not None:
            self.set_alias("previous_champion", champion)
            self.tag(challenger, {"replaced_version": champion.version})
        self.set_alias("champion", challenger)
        self.set_alias("challenger", None)
        if "rolled_back" in challenger.tags:
            self.tag(challenger, {"rolled_back": "false"})

    def roll_back(self) -> tuple[Version, Version]:
        """Make `previous_champion` the champion; the one that it had replaced becomes the next to go back to.

        Returns
        -------
        tuple of Version
            The version that left, and the one that came back.

        Raises
        ------
        LeadQualificationError
            If there is no champion, or none before it.
        """
        champion, previous = self.alias("champion"), self.alias("previous_champion")
        if champion is None or previous is None:
            raise LeadQualificationError(
                f"{self.name}: no {'champion' if champion is None else 'previous champion'} to roll back"
                f"{'' if champion is None else ' to'}. See the versions with `make ui`."
            )
        self.set_alias("champion", previous)
        before = previous.tags.get("replaced_version")
        self.set_alias("previous_champion", None if before is None else self._version(before))
        self.tag(champion, {"rolled_back": "true", "rolled_back_to_version": previous.version})
        self.tag(previous, {"restored_from_version": champion.version})
        return self._version(champion.version), self._version(previous.version)


def _promise(metrics: dict[str, float]) -> dict[str, Any] | None:
    """Gather what a model was published with, which monitoring holds it to; None for a run that was not measured."""
    if "lift_at_capacity" not in metrics:
        return None
    measured = {
        name: {
            "value": metrics.get(name),
            "low": metrics.get(f"intervals/{name}_low"),
            "high": metrics.get(f"intervals/{name}_high"),
        }
        for name in ("auc", "ece", "lift_at_capacity")
    }
    return {**{name: metrics.get(name) for name in ("rows", "capacity", "base_rate")}, **measured}
