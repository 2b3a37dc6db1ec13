"""Stage `ingest`: run the source's SQL, hold every row to the data contract, quarantine the rows that break it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from models.data_protection.key_ring import pseudonym_key
from models.data_protection.names import read_names, write_names
from models.data_protection.pseudonyms import id_pseudonyms
from models.data_protection.redactor import Redactor
from models.data_protection.suppression import remember, suppression_list
from pipeline.console import console, progress, run_main
from pipeline.data_protection.registry_check import check_purposes, retention_of
from pipeline.pages.ingest_words import export_lines, remark_lines, unplaced_lines
from pipeline.pages.machine_traffic_words import traffic_lines
from pipeline.params import load_params
from pipeline.population.machine_traffic import machine_traffic
from pipeline.tables.export import read_export
from pipeline.tables.id_pseudonyms import IdPseudonyms
from pipeline.tables.ingest_counts import Counts
from pipeline.tables.ingested import ingest
from pipeline.tables.json_files import write_json
from pipeline.tables.left_out import Suppression
from pipeline.tables.parquet import read_table
from pipeline.tables.personal_fields import personal_fields
from pipeline.tables.redaction import Redaction
from pipeline.tables.unplaced_outcomes import FILE

__all__ = ["SECTIONS", "main"]

SECTIONS = ("ingest", "paths", "privacy")
SOURCES = Path("pipeline/sources")


def _show(counts: dict[str, Counts]) -> None:
    table = Table("table", "rows", "kept", "quarantined", "reasons", title="ingest")
    for name, count in counts.items():
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in count.quarantined.items())
        note = reasons if count.rows else "[yellow]no rows: only a header?[/yellow]"
        table.add_row(name, f"{count.rows:,}", f"{count.kept:,}", f"{sum(count.quarantined.values()):,}", note)
    console.print(table)
    for line in remark_lines(counts):
        console.print(line, markup=False)


def main() -> None:
    """Read the source of `params.yaml`; write `canonical/`, `quarantine/` and `metrics/ingest.json`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    ids = IdPseudonyms(
        id_pseudonyms(Path.cwd(), params.privacy.ids_of(params.ingest.source)), params.privacy.identifiers
    )
    suppression = Suppression(suppression_list(Path.cwd()), ids)
    with progress() as bar:
        task = bar.add_task("tables", total=None)
        counts = ingest(
            SOURCES / f"{params.ingest.source}.sql",
            Path(params.ingest.raw_dir),
            data / "canonical",
            data / "quarantine",
            params.ingest.bad_shares,
            lambda done, total: bar.update(task, completed=done, total=total),
            params.ingest.exported_at,
            suppression,
            Redaction(
                Redactor(pseudonym_key(Path.cwd()), [c for c in params.privacy.identifiers if not ids.replaces(c)])
            ),
            retention_of(params.ingest.source),
            ids,
        )
    remember(Path.cwd(), suppression.news)
    if ids.pseudonyms is not None:
        ring = ids.pseudonyms.ring
        known = read_names(Path.cwd(), ring) if ids.given else {}
        write_names(Path.cwd(), ring, params.ingest.source, ids.named(known))
    _show(counts)
    canonical = data / "canonical"
    for warning in check_purposes(params.ingest.source, personal_fields(canonical)):
        console.print(warning, style="yellow", markup=False)
    export = read_export(canonical)
    said_by = "the source" if params.ingest.exported_at is None else "ingest.exported_at"
    for line in (
        *export_lines(canonical, export, said_by),
        *unplaced_lines(read_table(canonical / f"{FILE}.parquet", FILE)),
    ):
        console.print(line, markup=False)
    traffic = machine_traffic(canonical, ordinal=export.ordinal)
    for line in traffic_lines(asdict(traffic)):
        console.print(line, markup=False)
    summary: dict[str, Any] = {
        name: {
            "rows": count.rows,
            "kept": count.kept,
            "quarantined": count.quarantined,
            "values": count.values,
            "notes": count.notes,
            "left_out": count.left_out,
        }
        for name, count in counts.items()
    }
    summary["machine_traffic"] = traffic.counts()
    write_json(params.paths.metrics_dir / "ingest.json", summary)


if __name__ == "__main__":
    run_main(main)
