"""A made-up company's export, by rules that the simulator does not share: an English SaaS vendor, trials, two files.

Leads come in campaigns. What a lead needs comes of its source, its job, its company's size and luck, and shows in how often it
visits and which pages. Sales qualifies those who look at prices; half of the rest are closed, half forgotten.
"""

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["write_export"]

SOURCES = {"Paid search": 0.0, "Webinar": 0.7, "Referral": 1.1, "Content download": -0.6, "Trade fair": 0.2}
JOBS = {
    "Head of operations": 0.8,
    "Engineer": 0.1,
    "Student": -2.0,
    "Consultant": -0.5,
    "Managing director": 0.5,
    "": -0.2,
}
INDUSTRIES = ("Logistics", "Retail", "Healthcare", "Public sector", "Manufacturing")
PAGES = ("/blog/post", "/product/overview", "/product/integrations", "/pricing", "/docs/start", "/careers")
START = pd.Timestamp("2024-02-05T00:00Z")
SEED = 90_107


def write_export(folder: Path, leads: int = 3_200, days: int = 430) -> list[Path]:
    """Write ``contacts.csv`` and ``activities.csv``; the same leads, days and version of numpy give the same bytes.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    leads : int
        People; about four of five become MQLs.
    days : int
        Length of the history.
    """
    random = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    end = START + pd.Timedelta(days=days)
    campaigns = np.sort(random.random(40)) * days
    people, visits = [], []
    for number in range(leads):
        person = f"P{number:05}"
        born = campaigns[random.integers(40)] + random.exponential(9.0)
        source, job = str(random.choice(list(SOURCES))), str(random.choice(list(JOBS)))
        size = int(np.exp(random.normal(4.2, 1.3)))
        industry = str(random.choice(INDUSTRIES))
        need = SOURCES[source] + JOBS[job] + 0.5 * (30 < size < 800) - 0.4 * (industry == "Public sector")
        need += random.normal(0.0, 1.0)
        drive = 1.0 / (1.0 + np.exp(-need))
        pace = random.gamma(2.0, 1.0) * (0.4 + drive)
        moments = born + np.sort(random.exponential(18.0 / pace, 1 + random.poisson(2.0 + 4.0 * pace)).cumsum())
        pages = random.choice(PAGES, len(moments), p=_pages(drive))
        mql = born + random.exponential(4.0) if random.random() < 0.8 else np.nan
        is_mql = not np.isnan(mql)
        won = is_mql and random.random() < 0.04 + 0.55 * drive * min(1.0, (pages == "/pricing").sum() / 3.0)
        decided = mql + random.exponential(14.0) if won else mql + random.exponential(30.0)
        closed = is_mql and not won and random.random() < 0.5
        row = {
            "Record ID": person,
            "Create Date": _moment(born),
            "Became a Marketing Qualified Lead Date": _moment(mql),
            "Became a Sales Qualified Lead Date": _moment(decided) if won else "",
            "Disqualified Date": _moment(decided) if closed else "",
            "Job Title": job,
            "Industry": industry,
            "Number of Employees": size if random.random() < 0.85 else "",
            "Original Source": source,
            "Lost Reason": str(random.choice(["No budget", "No answer"])) if closed else "",
        }
        if START + pd.Timedelta(days=born) >= end:
            continue
        for column in [name for name in row if name.endswith("Date")]:
            if row[column] and pd.Timestamp(str(row[column])) >= end:
                row[column] = row["Lost Reason"] = ""
        people.append(row)
        until = decided if won or closed else days
        visits += [
            (person, _moment(at), "Page view" if random.random() < 0.8 else "Email opened", page)
            for at, page in zip(moments, pages, strict=True)
            if at < min(days, until + 20.0)
        ]
    files = [folder / "contacts.csv", folder / "activities.csv"]
    pd.DataFrame(people).to_csv(files[0], index=False)
    columns = ["Record ID", "Activity Date", "Activity Type", "Page"]
    pd.DataFrame(visits, columns=columns).sort_values(["Activity Date", "Record ID"]).to_csv(files[1], index=False)
    return files


def _pages(drive: float) -> np.ndarray:
    share = np.array([1.4 - drive, 1.0, 0.4 + 0.6 * drive, 0.15 + 0.9 * drive**2, 0.5, 0.5 - 0.4 * drive])
    return np.asarray(share / share.sum())


def _moment(day: float) -> str:
    return "" if np.isnan(day) else (START + pd.Timedelta(days=float(day))).strftime("%Y-%m-%dT%H:%M:%SZ")
